/* Filter, sort and search a table whose rows carry their values as data attributes. Plain script, no library.
   The state stands in the address after "#", so that a view can be linked; without scripts the table is just a table. */
(() => {
  const here = document.currentScript.src;
  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const number = (text) => (text !== "" && !isNaN(text) ? Number(text) : null);
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");           // rows without a value come last
    const [x, y] = [number(a), number(b)];
    return x !== null && y !== null ? x - y : a.localeCompare(b);
  };

  let words = null;                                                      // promise of the words of the notes
  const loadWords = (file) => (words ??= new Promise((done) => {
    const script = make("script", { src: new URL("../data/" + file, here) });
    script.onload = () => {
      const all = window.atlasWords;
      done({ ...all, list: Object.keys(all.words), at: new Map(all.papers.map((slug, k) => [slug, k])) });
    };
    script.onerror = () => done(null);
    document.head.append(script);
  }));

  function start(table) {
    const filters = JSON.parse(table.dataset.filters);
    const rows = [...table.tBodies[0].rows].map((row, order) => ({
      row, order, data: row.dataset, text: row.textContent.toLowerCase() + " " + row.dataset.name,
    }));
    const valuesOf = (row, name) => (row.data[name] || "").split("|").filter(Boolean);
    const state = new Map();
    let index = null;

    const form = table.parentNode.querySelector("form.atlas-filters"), status = table.parentNode.querySelector(".atlas-count");
    const search = form.elements.q;
    const controls = new Map([["q", search], ...filters.map(({ name }) => [name, form.elements[name]])]);
    form.addEventListener("submit", (event) => event.preventDefault());

    const buttons = [];
    for (const th of table.tHead.querySelectorAll("th[data-sort]")) {
      const button = make("button", { type: "button", "data-by": th.dataset.sort }, th.textContent);
      th.replaceChildren(button);
      th.setAttribute("aria-sort", "none");
      buttons.push(button);
      button.addEventListener("click", () => {
        const same = state.get("sort") === th.dataset.sort;
        if (same && state.get("dir") === "down") { state.delete("sort"); state.delete("dir"); }
        else if (same) state.set("dir", "down");
        else { state.set("sort", th.dataset.sort); state.delete("dir"); }
        show(true);
      });
    }

    const matches = (row, terms) => terms.every((term) => {
      if (row.text.includes(term)) return true;
      const k = index?.at.get(row.data.slug);
      if (k === undefined) return false;
      return index.zh[k].toLowerCase().includes(term) || index.hits.get(term).has(k);
    });

    function show(write) {
      const began = performance.now();
      const query = (state.get("q") || "").toLowerCase();
      const terms = query.split(/\s+/).filter(Boolean);
      if (index) {
        index.hits = new Map(terms.map((term) => {
          const hits = new Set();
          for (const word of index.list) if (word.startsWith(term)) for (const k of index.words[word]) hits.add(k);
          return [term, hits];
        }));
      }
      let shown = 0;
      for (const row of rows) {
        const keep = filters.every(({ name, most }) => {
          const want = state.get(name);
          if (!want) return true;
          return most ? row.data[name] !== "" && Number(row.data[name]) <= Number(want) : valuesOf(row, name).includes(want);
        }) && matches(row, terms);
        if (row.row.hidden === keep) row.row.hidden = !keep;
        shown += keep;
      }
      const by = state.get("sort"), sign = state.get("dir") === "down" ? -1 : 1;
      const sorted = [...rows].sort((a, b) => {
        if (!by) return a.order - b.order;
        const [x, y] = [a.data[by] || "", b.data[by] || ""];
        return (x === "" || y === "" ? compare(x, y) : sign * compare(x, y)) || a.order - b.order;
      });
      if (sorted.some((row, k) => table.tBodies[0].rows[k] !== row.row)) table.tBodies[0].append(...sorted.map((row) => row.row));
      for (const button of buttons) {
        const mine = button.dataset.by === by;
        button.parentNode.setAttribute("aria-sort", mine ? (sign < 0 ? "descending" : "ascending") : "none");
      }
      status.textContent = `${shown} of ${rows.length} shown` + (shown ? "" : ". Nothing fits; press “Show all”.");
      table.dataset.milliseconds = (performance.now() - began).toFixed(1);
      if (write) {
        const hash = new URLSearchParams([...state].filter(([, v]) => v)).toString();
        history.replaceState(history.state, "", hash ? "#" + hash : location.pathname + location.search);
      }
    }

    async function wantWords() {
      if (!table.dataset.words || index) return;
      index = await loadWords(table.dataset.words);
      if (state.get("q")) show(false);
    }

    function read() {
      const hash = location.hash.slice(1);
      if (hash && !hash.includes("=")) return;                           // an anchor, not a state
      state.clear();
      for (const [name, value] of new URLSearchParams(hash)) state.set(name, value);
      for (const [name, control] of controls) {
        control.value = state.get(name) || "";
        if (control.value !== (state.get(name) || "")) state.delete(name); // a value that no row has
      }
      if (state.get("q")) wantWords();
      show(false);
    }

    for (const [name, control] of controls) {
      control.addEventListener("input", () => { state.set(name, control.value); show(true); });
    }
    form.addEventListener("reset", () => { state.clear(); show(true); });
    search.addEventListener("focus", wantWords);
    addEventListener("hashchange", read);
    read();
    table.dataset.ready = "yes";
  }

  document.querySelectorAll("table[data-filters]").forEach(start);
})();
