// @ts-check
// Makes elements without any HTML text. Knows nothing of posts.

export function element(tag, className = "", ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// A button with `data-act`: the list that it stands in listens for all of them.
export function button(className, text, act = "") {
  const made = element("button", className, text);
  made.type = "button";
  if (act) made.dataset.act = act;
  return made;
}

// Only a real change touches the document: screen readers speak at each.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
