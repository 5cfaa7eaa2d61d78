/* The full-text search puts papers first whose summary has the words, tables of everything last, and says what a paper is about. */
var Scorer = (() => {
  const papers = window.atlasPreviews?.papers ?? {};
  const query = (new URLSearchParams(location.search).get("q") || "").trim().toLowerCase(), terms = query.split(/\s+/).filter(Boolean);
  const paper = (doc) => doc.match(/book\/papers\/([^/]+)\/(index|reproduce)(?:\.html)?/);

  function score([doc, title, , , points]) {
    const found = paper(doc), about = found && papers[found[1]];
    if (title.toLowerCase() === query) points += 40;
    if (!about) return /^book\/reference\/(bibliography|catalogue|lineage|scoreboard|timeline)$/.test(doc) ? points - 4 : points;
    const name = about.title.toLowerCase(), summary = `${about.en} ${about.zh}`.toLowerCase();
    for (const term of terms) points += 8 * name.includes(term) + 5 * summary.includes(term);
    return points + (found[2] === "index" ? 2 : 1);
  }

  addEventListener("DOMContentLoaded", () => {
    const list = document.getElementById("search-results");
    new MutationObserver(() => {
      for (const item of list.querySelectorAll("li:not([data-told])")) {
        const found = paper(item.querySelector("a")?.getAttribute("href") ?? ""), about = found && papers[found[1]];
        item.dataset.told = "";
        if (!about || found[2] !== "index") continue;
        const text = document.createElement("p"), language = document.documentElement.dataset.atlasLang === "zh" ? "zh" : "en";
        text.className = "context";
        text.lang = language;
        text.textContent = about[language];
        item.append(text);
      }
    }).observe(list, { childList: true, subtree: true });
  });

  return { score, objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
    title: 15, partialTitle: 7, term: 5, partialTerm: 2 };                  // the numbers of Sphinx
})();
