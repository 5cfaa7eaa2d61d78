/* The lineage drawing: point at a paper, tab to it, or choose it, and its ancestors and descendants stand out. */
(() => {
  const svg = document.querySelector("svg.lineage");
  if (!svg) return;
  const nodes = new Map([...svg.querySelectorAll(".node")].map((n) => [n.dataset.slug, n]));
  const edges = [...svg.querySelectorAll(".edge")].map((e) => ({ e, from: e.dataset.from, to: e.dataset.to }));
  const name = (slug) => nodes.get(slug).querySelector("text").textContent;

  const follow = (start, here, there) => {
    const seen = new Set([start]), queue = [start];
    for (const slug of queue) for (const edge of edges) {
      if (edge[here] === slug && !seen.has(edge[there])) { seen.add(edge[there]); queue.push(edge[there]); }
    }
    return seen;
  };

  let chosen = "";
  function show(slug) {
    svg.classList.toggle("focused", Boolean(slug));
    const up = slug ? follow(slug, "to", "from") : new Set(), down = slug ? follow(slug, "from", "to") : new Set();
    for (const [key, node] of nodes) {
      node.classList.toggle("on", up.has(key) || down.has(key));
      node.classList.toggle("chosen", key === slug);
    }
    for (const { e, from, to } of edges) e.classList.toggle("on", (up.has(from) && up.has(to)) || (down.has(from) && down.has(to)));
    return [up, down];
  }

  const select = document.getElementById("atlas-lineage"), status = select.closest(".atlas-wide").querySelector("[role=status]");

  function choose(slug, write) {
    chosen = nodes.has(slug) ? slug : "";
    select.value = chosen;
    const [up, down] = show(chosen);
    status.textContent = chosen ? `${name(chosen)}: builds on ${up.size - 1}, built on by ${down.size - 1}, direct and indirect.` : "";
    if (chosen && !write) nodes.get(chosen).scrollIntoView({ block: "nearest", inline: "center" });
    if (write) history.replaceState(history.state, "", chosen ? "#paper=" + encodeURIComponent(chosen) : location.pathname + location.search);
  }
  select.addEventListener("input", () => choose(select.value, true));
  for (const [slug, node] of nodes) {
    for (const event of ["mouseenter", "focus"]) node.addEventListener(event, () => show(slug));
    for (const event of ["mouseleave", "blur"]) node.addEventListener(event, () => show(chosen));
  }
  const read = () => choose(new URLSearchParams(location.hash.slice(1)).get("paper") || "", false);
  addEventListener("hashchange", read);
  read();
})();
