// Charts and strips by keyboard: each is one stop of the Tab key, the arrow keys go from day to day and run to run.
const STEPS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
const linksOf = (group) => [...group.querySelectorAll("a")];

function oneStop(group) {
  const links = linksOf(group);
  links.forEach((link, index) => { link.tabIndex = index === links.length - 1 ? 0 : -1; });
}

document.addEventListener("keydown", (event) => {
  const step = STEPS[event.key], link = event.target.closest("a"), group = link?.closest(".plot > svg, span.strip");
  if (!step || !group) return;
  const links = linksOf(group);
  const next = links[Math.max(0, Math.min(links.length - 1, links.indexOf(link) + step))];
  link.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
  event.preventDefault();
});

// In a long list the links of a strip are fetched when somebody points at it, once.
const asked = new WeakSet();

async function unfold(strip) {
  const uuid = strip.pathname.split("/").pop(), focused = strip === document.activeElement;
  asked.add(strip);
  const answer = await fetch(`/strips/${uuid}`);
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const runs = page.querySelector(".strip");
  if (!runs) return;
  strip.replaceWith(runs);
  oneStop(runs);
  if (focused) linksOf(runs).at(-1).focus();
}

for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, ({ target }) => {
    const strip = target.closest?.("a.strip");
    if (strip && !asked.has(strip)) unfold(strip);
  });
}

function prepare(page) {
  page.querySelectorAll(".plot > svg, span.strip").forEach(oneStop);
}

prepare(document);
document.addEventListener("fresh", ({ detail }) => prepare(detail));
