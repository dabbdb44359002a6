// Rehearses or tries what stands in a form, and shows it beside the form as it goes. Without scripts the same buttons
// open a page of their own, which is what is fetched here.
const panel = document.getElementById("rehearsal");
const lost = document.getElementById("lost"), signedOut = document.getElementById("signed-out");
const EVERY = 1000;
let newest = 0;

// Before anything else hears of it: for the form itself nothing was sent.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.hasAttribute("data-rehearse")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  rehearse(button, new URLSearchParams(new FormData(event.target, button)));
}, { capture: true });

async function rehearse(button, body) {
  button.disabled = true;
  body.set("beside", "1");
  try {
    await follow(await fetch(button.formAction, { method: "POST", body }), ++newest);
  } catch {
    lost.hidden = false;
  }
  button.disabled = false;
}

function finish(isDone) {
  const next = document.getElementById("after-rehearsal");
  if (next) next.hidden = !isDone;
}

// What stands beside the form scrolls by itself where it is higher than the window.
function reveal() {
  panel.closest(".beside").scrollTop = panel.closest(".tryout").offsetTop;
}

async function follow(answer, mine) {
  while (mine === newest) {
    lost.hidden = true;
    signedOut.hidden = answer.status !== 401;
    if (answer.status === 401) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("rehearsal") ?? page.querySelector("main");
    // What is sent again is sent by the button above.
    for (const form of fresh.querySelectorAll("form")) form.remove();
    for (const fold of panel.querySelectorAll("details[open][id]")) fresh.querySelector(`#${CSS.escape(fold.id)}`)?.setAttribute("open", "");
    const isFirst = panel.hidden || (panel.querySelector(".pair") === null) !== (fresh.querySelector(".pair") === null);
    panel.hidden = false;
    panel.replaceChildren(...fresh.childNodes);
    if (isFirst) panel.scrollIntoView({ block: "nearest" });
    if (isFirst || !fresh.dataset.going) reveal();
    if (!fresh.dataset.going) return finish(fresh.dataset.refused === undefined);
    await new Promise((resolve) => { setTimeout(resolve, EVERY); });
    answer = await fetch(fresh.dataset.going, { cache: "no-store" });
  }
}
