// What the server refuses is said in the page's language, at the field that is wrong.

import assert from "node:assert/strict";
import { test } from "node:test";
import { faultOf, said } from "#page/topics/faults.js";
import { laterWords, setLanguage } from "#page/words/words.js";

await laterWords();

const problem = (status, message) => Object.assign(new Error(message), { status, wait: 0 });

test("a fault stands at its field, and names what is meant", () => {
  assert.deepEqual(faultOf(problem(400, `Bad Request: a quote is not closed in the term '"banjir': write "a phrase"`)), {
    text: "A quotation mark is missing in “\"banjir”.",
    field: "track",
  });
  const exists = "Conflict: topic ada exists with another track: hujan, tol; to change its track, send PATCH /topics/ada";
  assert.equal(faultOf(problem(409, exists)).field, "name");
  assert.match(faultOf(problem(409, exists)).text, /with other words: hujan, tol\. /);
  assert.deepEqual(faultOf(problem(409, "Conflict: there are 1000 topics: delete one, or raise TWEETREAM_MAX_TOPICS (1000)")), {
    text: "There are 1,000 topics, and no more are allowed. Delete one first.",
    field: "",
  });
  assert.equal(faultOf(problem(409, "Conflict: all topics together may track 10000 characters: track fewer")).field, "track");
});

test("it is in Indonesian too", async () => {
  await setLanguage("id");
  assert.equal(said("the term '-tol' has only words not to have: write what").text.startsWith("“-tol” hanya menyebut"), true);
  assert.match(said("this is an estimate from 20000 posts, 12.5% of the last hour").text, /perkiraan dari 20\.000 kiriman, 12\.5 %/);
  await setLanguage("en");
});

test("a sentence that is not known is shown as it is", () => {
  assert.deepEqual(said("the end is near"), { text: "the end is near", field: "" });
  assert.deepEqual(faultOf(problem(400, "Bad Request: new")), { text: "That did not work. Bad Request: new", field: "name" });
  assert.deepEqual(faultOf(problem(0, "The server cannot be reached.")), { text: "The server cannot be reached.", field: "" });
});
