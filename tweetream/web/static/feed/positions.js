// @ts-check
// Positions as the server writes them: `NAME@GENERATION:OFFSET`, joined by commas. Before a feed's first post the offset
// is -1 here and `00` there. Knows no DOM.

const BEFORE_FIRST = "00";
const POSITION = /^([^@]+)@([0-9a-z]+):([0-9]+)$/;

// {name: {generation, offset}}; a part that is no position is left out.
export function positionsOf(text) {
  const found = {};
  for (const part of (text ?? "").split(",")) {
    const match = POSITION.exec(part);
    if (match) found[match[1]] = { generation: match[2], offset: match[3] === BEFORE_FIRST ? -1 : Number(match[3]) };
  }
  return found;
}

export const positionText = (name, { generation, offset }) =>
  `${name}@${generation}:${offset < 0 ? BEFORE_FIRST : offset}`;
