// @ts-check
// Makes elements without any HTML text. Knows nothing of posts.

export function element(tag, className = "", ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// A button with `data-act`; the list around it listens for all of them.
export function button(className, text, act = "") {
  const made = element("button", className, text);
  made.type = "button";
  if (act) made.dataset.act = act;
  return made;
}

// Writes only a real change, since screen readers speak at each write.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
