// The confusion matrix: the numbers of the cell under the pointer stand below it, and arrow keys go from cell to cell.
(() => {
  "use strict";
  const table = document.getElementById("confusion-matrix");
  if (!table) return;
  const readout = document.getElementById("confusion-readout");
  const columns = table.tHead.rows[0].cells;
  const rows = [...table.tBodies[0].rows];
  let lit = [];

  function show(cell) {
    lit.forEach((head) => head.classList.remove("lit"));
    lit = [columns[cell.cellIndex], cell.parentElement.cells[0]];
    lit.forEach((head) => head.classList.add("lit"));
    readout.textContent = cell.title || lit[1].title + ", called " + lit[0].title + ": no pixel";
  }

  table.addEventListener("pointerover", (event) => {
    const cell = event.target.closest("tbody td");
    if (cell) show(cell);
  });
  table.addEventListener("focusin", (event) => show(event.target));
  table.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const cell = event.target.closest("tbody td");
    if (!step || !cell) return;
    event.preventDefault();
    const row = rows[rows.indexOf(cell.parentElement) + step[0]];
    const next = row && row.cells[cell.cellIndex + step[1]];
    if (!next || next.tagName !== "TD") return;
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  table.setAttribute("role", "grid");
  table.setAttribute("aria-label", "Confusion matrix, true classes in rows");
  rows[0].cells[1].tabIndex = 0; // one stop of the tab key, not a thousand
  readout.hidden = false;
  readout.textContent = "Point at a cell for its numbers, or go there with the tab and arrow keys.";
})();
