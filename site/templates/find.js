(() => {
  const form = document.querySelector("[data-find]");
  if (!form) return;
  const field = form.querySelector("input");
  const told = form.querySelector("[role=status]");
  const items = [...document.querySelectorAll("[data-item]")];
  const groups = [...document.querySelectorAll("[data-group]")];
  const texts = items.map((item) => `${item.textContent} ${item.dataset.item}`.toLowerCase());
  const find = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    items.forEach((item, nth) => {
      item.hidden = !words.every((word) => texts[nth].includes(word));
      if (!item.hidden) shown += 1;
    });
    groups.forEach((group) => {
      group.hidden = !group.querySelector("[data-item]:not([hidden])");
    });
    told.textContent = words.length ? `${shown} of ${items.length}` : "";
  };
  field.value = new URLSearchParams(location.search).get("q") || field.value;
  form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", find);
  form.hidden = false;
  find();
})();
