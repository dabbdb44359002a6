// Follows a run that is going: whatever its stream says is news, so the page is fetched anew. And copies texts.
const QUIET = 200, LONGEST = 30000;
let source = null, wait = 1000, soon = 0;

function follow() {
  const address = document.querySelector("[data-events]")?.dataset.events;
  if (!address || source || document.hidden) return;
  source = new EventSource(address);
  source.addEventListener("open", () => { wait = 1000; });
  for (const name of ["run", "step"]) source.addEventListener(name, refresh);
  source.addEventListener("end", () => { leave(); refresh(); });
  // A lost connection comes back by itself; an answer that is no stream ends it.
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED) return;
    source = null;
    setTimeout(follow, wait);
    wait = Math.min(wait * 2, LONGEST);
  });
}

function leave() {
  source?.close();
  source = null;
}

// Steps come in groups; one look shows them all.
function refresh() {
  clearTimeout(soon);
  soon = setTimeout(() => document.dispatchEvent(new Event("refresh")), QUIET);
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(text.textContent);
  } catch {
    // Not over plain http: what is selected can be copied by hand.
    text.closest("details")?.setAttribute("open", "");
    return getSelection().selectAllChildren(text);
  }
  const words = button.textContent;
  if (words === button.dataset.copied) return;
  button.textContent = button.dataset.copied;
  setTimeout(() => { button.textContent = words; }, 2000);
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-copies]");
  if (button) copy(button);
});
// A page that nobody sees holds no connection.
document.addEventListener("visibilitychange", () => document.hidden ? leave() : follow());
follow();
