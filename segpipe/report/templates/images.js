// The table of images: it is sorted, filtered and shown a hundred rows at a time, so that 20,000 are as quick as 20.
(() => {
  "use strict";
  const source = document.getElementById("image-rows");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const ROWS = 100;
  const section = source.parentElement;
  const table = document.getElementById("image-table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const filter = document.getElementById("image-filter");
  const part = document.getElementById("image-part");
  const pager = section.querySelector(".pager");
  const [previous, next] = pager.querySelectorAll("button");
  const status = pager.querySelector("[role=status]");
  const lowered = data.id.map((name) => name.toLowerCase());
  const state = { key: "dice", descending: false, first: 0, shown: data.id.map((_, number) => number) };

  const score = (value) => value.toFixed(3);
  const percent = (share) => (share > 0 && share < 0.0005 ? "< 0.1 %" : (100 * share).toFixed(1) + " %");
  const FORMATS = {
    part: (value) => data.parts[value], fold: String, dice: score, accuracy: score, loss: score, border: percent,
    wrong: (value) => value.toLocaleString("en"),
  };

  // Names as people count: image9 before image10, the same in every language.
  const names = new Intl.Collator("en", { numeric: true });
  function compare(one, other) {
    const values = data[state.key];
    const [a, b] = [values[one], values[other]];
    if (a === null || b === null) return (a === null) - (b === null) || one - other; // what has no value comes last either way
    const order = state.key === "id" ? names.compare(a, b) : a - b;
    return (state.descending ? -order : order) || one - other;
  }

  function choose() {
    const wanted = filter.value.trim().toLowerCase();
    const of = part ? part.value : "";
    state.shown = [];
    for (let number = 0; number < data.id.length; number++) {
      if (lowered[number].includes(wanted) && (of === "" || data.part[number] === Number(of))) state.shown.push(number);
    }
    // The rows come in the order of the Dice, the worst first.
    if (state.key !== "dice" || state.descending) state.shown.sort(compare);
    state.first = 0;
    draw();
  }

  function draw() {
    body.replaceChildren(...state.shown.slice(state.first, state.first + ROWS).map(rowOf));
    const last = Math.min(state.first + ROWS, state.shown.length);
    const count = (number) => number.toLocaleString("en");
    const all = data.id.length === state.shown.length ? "" : ", of " + count(data.id.length) + " in all";
    status.textContent = last ? count(state.first + 1) + " to " + count(last) + " of " + count(state.shown.length) + all : "no image";
    previous.disabled = state.first === 0;
    next.disabled = last === state.shown.length;
  }

  function rowOf(number) {
    const row = document.createElement("tr");
    for (const head of heads) {
      const key = head.dataset.key;
      if (key === "id") {
        row.append(nameOf(number, row));
      } else {
        const value = data[key][number];
        row.insertCell().textContent = value === null ? "\u2013" : FORMATS[key](value);
      }
    }
    return row;
  }

  function nameOf(number, row) {
    const cell = document.createElement("th");
    cell.scope = "row";
    if (number >= data.pictures) {
      cell.textContent = data.id[number];
      return cell;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = data.id[number];
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!open));
      if (open) row.nextElementSibling.remove();
      else row.after(picturesOf(number));
    });
    cell.append(button);
    return cell;
  }

  // A file holds the pictures side by side: each figure shows its quarter of it.
  function picturesOf(number) {
    const row = document.createElement("tr");
    row.className = "opened";
    const cell = row.insertCell();
    cell.colSpan = heads.length;
    const quarters = document.createElement("div");
    quarters.className = "four";
    const file = "images/" + String(number + 1).padStart(5, "0") + ".jpg";
    for (const caption of data.captions) {
      const figure = document.createElement("figure");
      const window = document.createElement("div");
      const image = document.createElement("img");
      window.className = "quarter";
      image.alt = caption + " of " + data.id[number];
      image.addEventListener("error", () => quarters.replaceWith(file + " is not beside this page: copy reports/images with it."));
      image.src = file;
      window.append(image);
      figure.append(window);
      figure.insertAdjacentElement("beforeend", document.createElement("figcaption")).textContent = caption;
      quarters.append(figure);
    }
    cell.append(quarters);
    return row;
  }

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      // Names and errors begin with the least, as reading does.
      state.descending = state.key === head.dataset.key && !state.descending;
      state.key = head.dataset.key;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      choose();
    });
    head.replaceChildren(button);
  }
  filter.addEventListener("input", choose);
  if (part) part.addEventListener("change", choose);
  const turn = (step) => {
    state.first += step;
    draw();
    table.scrollIntoView({ block: "start" });
  };
  previous.addEventListener("click", () => turn(-ROWS));
  next.addEventListener("click", () => turn(ROWS));
  section.querySelector(".controls").hidden = false;
  pager.hidden = false;
  previous.hidden = next.hidden = data.id.length <= ROWS;
  choose();
})();
