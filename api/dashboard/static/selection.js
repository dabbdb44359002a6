// The box above the others selects them all, and below the list stands how many are selected.
const boxes = (form) => [...form.elements].filter((one) => one.name === "id");

function count(form) {
  const all = document.getElementById("all"), every = boxes(form);
  const number = every.filter((box) => box.checked).length;
  all.checked = number > 0 && number === every.length;
  all.indeterminate = number > 0 && number < every.length;
  document.getElementById("selected").textContent = number || "";
}

document.addEventListener("change", ({ target }) => {
  const form = document.getElementById("selection");
  // A form's own id is hidden by its boxes, which are named so.
  if (!form || target.form !== form) return;
  if (target.id === "all") boxes(form).forEach((box) => { box.checked = target.checked; });
  count(form);
});

function prepare(page) {
  page.querySelectorAll("#all").forEach((box) => { box.hidden = false; });
}

prepare(document);
document.addEventListener("fresh", ({ detail }) => {
  prepare(detail);
  // It stands apart from the boxes, which stay as they are while one is ticked.
  const before = document.getElementById("selected"), after = detail.querySelector("#selected");
  if (before && after) after.textContent = before.textContent;
});
