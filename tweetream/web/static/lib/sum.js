// @ts-check
// The sum of counts by label, as of a topic or a minute; of none, 0.

/** @param {Record<string, number> | number[] | null | undefined} counts */
export const sum = (counts) => Object.values(counts ?? {}).reduce((all, count) => all + count, 0);
