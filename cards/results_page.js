"use strict";
for (const table of document.querySelectorAll("table.problems")) {
  const heads = [...table.tHead.rows[0].cells];
  for (const head of heads) {
    const button = head.querySelector("button");
    if (!button) continue;
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = button.dataset.key;
      const value = (body) => Number(body.dataset[key]);
      const bodies = [...table.tBodies].sort((a, b) => value(a) - value(b) || a.dataset.number - b.dataset.number);
      if (down) bodies.reverse();
      table.append(...bodies);
    });
  }
}
for (const select of document.querySelectorAll("select.filter")) {
  select.disabled = false;
  const bodies = [...document.getElementById(select.dataset.table).tBodies];
  const tests = {
    all: () => true,
    wrong: (data) => data.greedy === "0",
    right: (data) => data.greedy === "1",
    mixed: (data) => Number(data.right) > 0 && Number(data.right) < Number(data.samples),
    none: (data) => Number(data.right) === 0,
  };
  select.addEventListener("change", () => {
    for (const body of bodies) body.hidden = !tests[select.value](body.dataset);
  });
}
for (const button of document.querySelectorAll("button.all")) {
  button.disabled = false;
  button.addEventListener("click", () => {
    const all = [...document.querySelectorAll(`#${button.dataset.table} details.problem`)];
    const open = all.some((one) => !one.open);
    all.forEach((one) => { one.open = open; });
  });
}
