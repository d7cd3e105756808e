// @ts-check
// Menus: <details class="menu">. One is open at a time; it closes on Escape, and on a click or a focus elsewhere.

const open = () => /** @type {HTMLDetailsElement[]} */ ([...document.querySelectorAll("details.menu[open]")]);

export function listenToMenus() {
  const closeOthers = (target) => {
    for (const menu of open()) if (!menu.contains(target)) menu.open = false;
  };
  for (const type of ["pointerdown", "focusin"]) document.addEventListener(type, ({ target }) => closeOthers(target));
}

// Closes the open menu, if there is one. Whether there was.
export function closeMenu() {
  const [menu] = open();
  if (!menu) return false;
  menu.open = false;
  menu.querySelector("summary").focus();
  return true;
}
