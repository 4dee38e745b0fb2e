// The review desk from the keyboard: 1, 2, 3 decide, o goes to the opinion. Never while somebody types.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select, [contenteditable]")) return;
  const button = document.querySelector(`#decision button[data-key="${CSS.escape(event.key)}"]`);
  if (button) { event.preventDefault(); button.click(); }
  if (event.key === "o") { event.preventDefault(); document.getElementById("opinion")?.focus(); }
});
