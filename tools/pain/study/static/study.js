// Sorts the study's table by the column whose name is pressed.
(function () {
  "use strict";
  const table = document.getElementById("study"), body = table.tBodies[0];
  const headers = Array.from(table.tHead.rows[0].cells);
  const text = new Intl.Collator(undefined, {numeric: true});

  // What a row has in a column: a number or a text, undefined where nothing is known.
  function value(row, i) {
    const content = row.cells[i].dataset.value;
    return content !== undefined && headers[i].classList.contains("number") ? Number(content) : content;
  }

  function sortBy(i) {
    const header = headers[i], down = header.getAttribute("aria-sort") === "ascending";
    const order = (a, b) => typeof a === "number" ? a - b : text.compare(a, b);
    const rows = Array.from(body.rows, row => [value(row, i), row]);
    rows.sort(([a], [b]) => a === undefined || b === undefined ? (a === undefined) - (b === undefined)
      : down ? order(b, a) : order(a, b));
    body.append(...rows.map(([, row]) => row));
    headers.forEach(other => other.setAttribute("aria-sort", "none"));
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    document.getElementById("sorted").textContent =
      `Sorted by ${header.textContent.trim()}, ${down ? "highest" : "lowest"} first`;
  }

  headers.forEach((header, i) => header.firstElementChild.addEventListener("click", () => sortBy(i)));
  document.documentElement.dataset.drawn = "yes";
})();
