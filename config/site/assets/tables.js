// Tables of class "results" can be sorted by a click on a head and filtered by a word.
(async () => {
  const tables = document.querySelectorAll("table.results");
  if (!tables.length) return;
  const address = URL.createObjectURL(new Blob([window.datatablesModule], { type: "text/javascript" }));
  const { default: DataTable } = await import(address);
  for (const table of tables) {
    new DataTable(table, {
      paging: false,
      info: false,
      order: [],
      searching: table.rows.length > 8,
      autoWidth: false,
      language: { search: "", searchPlaceholder: "Filter rows" },
    });
  }
  document.documentElement.dataset.tables = "ready";
})();
