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
  const form = target.form;
  if (form?.id !== "selection") return;
  if (target.id === "all") boxes(form).forEach((box) => { box.checked = target.checked; });
  count(form);
});

function prepare(page) {
  page.querySelectorAll("#all").forEach((box) => { box.hidden = false; });
}

prepare(document);
document.addEventListener("fresh", ({ detail }) => prepare(detail));
