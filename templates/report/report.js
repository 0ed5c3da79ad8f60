// The report is complete without this script: it only filters the table and unfolds everything for printing.
"use strict";
const form = document.getElementById("filter");
if (form) {
  const [text, policy, count] = ["filter-text", "filter-policy", "filter-count"].map((id) => document.getElementById(id));
  const rows = [...document.querySelectorAll("#matrix-table tbody tr")];
  const first = Number(form.dataset.first);
  const names = rows.map((row) => row.cells[0].textContent.toLowerCase() + " " + row.cells[1].textContent.toLowerCase());
  const usable = rows.map((row) => row.dataset.usable.split(" "));
  const show = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const column = policy.value === "" ? -1 : first + Number(policy.value);
    let shown = 0;
    rows.forEach((row, index) => {
      const fits = words.every((word) => names[index].includes(word)) && (policy.value === "" || usable[index].includes(policy.value));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    for (const head of document.querySelectorAll("#matrix-table thead th")) {
      head.classList.toggle("picked", head.cellIndex === column);
    }
    count.textContent = shown + " of " + rows.length + " rows";
  };
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
const unfold = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") target.open = true;
};
addEventListener("hashchange", unfold);
unfold();
