// One-key shortcuts: an element with data-key="KeyC" is used when that key is pressed, whatever the keyboard's alphabet.
// Nothing here is needed: every page works without it.
"use strict";
(() => {
  const STORED = "shortcuts";
  const isOn = () => localStorage.getItem(STORED) !== "off";
  const isTyping = (element) => element.matches("textarea, select, input:not([type=radio]):not([type=checkbox])");

  const use = (element) => {
    if (element.matches("select, textarea")) {
      element.focus();
    } else if (element.matches("summary")) {
      element.parentElement.open = true;
      const first = element.parentElement.querySelector("input:checked") || element;
      first.focus();
    } else {
      if (element.matches("input")) element.focus();
      element.click();
    }
  };

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.code === "Escape" && target.matches("select, textarea, input")) {
      target.blur();
      return;
    }
    if (!isOn() || event.ctrlKey || event.altKey || event.metaKey || event.repeat || isTyping(target)) return;
    if (event.code === "Enter" && target !== document.body && target.id !== "content") return;
    const element = document.querySelector(`[data-key="${CSS.escape(event.code)}"]`);
    if (!element) return;
    event.preventDefault();
    use(element);
  });

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });

  const box = document.getElementById("shortcuts");
  if (box) {
    box.disabled = false;
    box.checked = isOn();
    box.addEventListener("change", () => localStorage.setItem(STORED, box.checked ? "on" : "off"));
  }
})();
