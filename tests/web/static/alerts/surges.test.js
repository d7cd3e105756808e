// A surge is told once, until it has ended, and not in the quiet hours.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Surges } from "#page/alerts/surges.js";

const MINUTE = 60000;
const START = new Date("2026-11-28T12:00:00").getTime();

test("it is told once from its beginning to its end", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  const rule = { topic: "macet", label: null, when: "surge", least: 10, quiet: "13:00-14:00" };
  const gone = { ...rule, topic: "gone" };
  const told = [];
  let recent = 0;
  const stats = async (name) => {
    if (name !== "macet") throw Object.assign(new Error("away"), { status: 0 });
    return Array.from({ length: 60 }, (_, minute) => ({ labels: { traffic: minute < 50 ? 1 : recent } }));
  };
  const topics = () => [{ name: "macet", created_at: "2026-11-27T00:00:00Z" }];
  const surges = new Surges({ all: [rule, gone] }, { topics, stats, tell: (one, { posts }) => told.push([one.topic, posts]) });
  const look = (minutes) => surges.look(START + minutes * MINUTE);
  await look(0);
  recent = 5;
  for (const minutes of [1, 2, 3]) await look(minutes);
  assert.deepEqual(told, [["macet", 50]]);
  recent = 1;
  await look(5);
  recent = 5;
  await look(6);
  assert.equal(told.length, 1, "within ten minutes it is the same one");
  recent = 1;
  await look(12);
  recent = 5;
  await look(70);
  assert.equal(told.length, 1, "it is quiet");
  await look(121);
  assert.equal(told.length, 2);
});
