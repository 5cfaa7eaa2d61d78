/* A notebook page as slides: each slide is a run of text with the code cell and the output that follow it. Arrow keys move,
   Escape leaves; the number stands in the address. Printed from here, each slide begins a page. */
(() => {
  const alone = document.documentElement.classList.contains("slides-file"); // one file: nothing but slides
  if (!alone && !/\/reproduce\.html$/.test(location.pathname)) return;
  const article = document.querySelector(".bd-article > section, .bd-article section");
  if (!article) return;
  const root = document.documentElement;
  const blocks = [];
  const start = article.querySelector(".slide-start");   // stands in the page, so that nothing moves when this script arrives
  const walk = (node) => { for (const child of node.children) child.tagName === "SECTION" ? walk(child) : child !== start && blocks.push(child); };
  walk(article);

  const slides = [];
  let open = false;
  for (const block of blocks) {
    const heading = /^H[1-6]$/.test(block.tagName);
    if (!open || heading) slides.push([]);
    slides.at(-1).push(block);
    open = !block.classList.contains("cell");
  }
  for (const slide of slides) slide[0].classList.add("slide-first");

  let at = -1;
  const button = (text, label, action) => {
    const node = document.createElement("button");
    node.type = "button";
    node.textContent = text;
    node.setAttribute("aria-label", label);
    node.addEventListener("click", action);
    return node;
  };
  const bar = document.createElement("div"), count = document.createElement("span");
  bar.className = "slide-bar";
  count.setAttribute("role", "status");
  bar.append(button("←", "Previous slide", () => go(Math.max(0, at - 1))), count, button("→", "Next slide", () => go(at + 1)), button("✕", "Leave the slides", () => go(-1)));

  function go(number) {
    at = Math.min(number, slides.length - 1);
    const on = at >= 0;
    root.classList.toggle("atlas-slides", on);
    slides.forEach((slide, k) => slide.forEach((block) => block.classList.toggle("slide-off", on && k !== at)));
    if (on) { document.body.append(bar); count.textContent = `${at + 1} / ${slides.length}`; scrollTo(0, 0); } else bar.remove();
    history.replaceState(history.state, "", on ? `#slide=${at + 1}` : location.pathname + location.search);
  }
  const keys = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 };
  document.addEventListener("keydown", (event) => {
    if (at < 0 || event.target.closest("input, textarea, select")) return;
    if (event.key === "Escape") { if (!alone) go(-1); }
    else if (keys[event.key]) { event.preventDefault(); go(Math.max(0, at + keys[event.key])); }
  });
  start?.addEventListener("click", () => go(0));
  const wanted = Number(new URLSearchParams(location.hash.slice(1)).get("slide"));
  if (wanted >= 1 || alone) go(Math.max(0, wanted - 1));
})();
