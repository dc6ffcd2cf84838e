// Updates the page: requests it again, and changes only what changed. Without it the page reloads itself.
"use strict";
(() => {
  const body = document.body;
  const poll = Number(body.dataset.poll) * 1000;
  const limit = Number(body.dataset.limit);
  const live = document.getElementById("live");
  const fresh = document.getElementById("fresh");
  const old = document.getElementById("old");
  const oldAge = document.getElementById("old-age");
  const pause = document.getElementById("pause");
  const announcer = document.getElementById("announcer");
  let age = "age" in body.dataset ? Number(body.dataset.age) : null; // of the data, when it came
  let came = performance.now();
  let tag = null;
  let lostSince = null;
  let paused = false;
  let timer = 0;
  let asking = null;

  const span = (seconds) => {
    if (seconds >= 7200) return `${Math.round(seconds / 3600)} h`;
    if (seconds >= 120) return `${Math.round(seconds / 60)} min`;
    return `${Math.round(seconds)} s`;
  };
  const ageNow = () => (age === null ? null : age + (performance.now() - came) / 1000);

  // Only this clock counts for the age: without any answer old data is marked as old, too.
  const tell = () => {
    const seconds = ageNow();
    const data = seconds === null ? "No data yet" : `Data ${span(seconds)} old`;
    const tooOld = seconds !== null && seconds > limit;
    let text = data;
    if (lostSince !== null) text = `Connection lost ${span((performance.now() - lostSince) / 1000)} ago. ${data}`;
    else if (paused) text = `Paused. ${data}`;
    if (live.textContent !== text) live.textContent = text;
    fresh.classList.toggle("old", tooOld || lostSince !== null || paused);
    old.hidden = !tooOld;
    if (tooOld) {
      oldAge.textContent = span(seconds);
      close();
    }
  };

  // No judgement stays once it is stale: nothing is open, and nothing will be in a minute.
  const close = () => {
    for (const part of document.querySelectorAll("main [data-judged]")) {
      part.removeAttribute("data-judged");
      part.classList.remove("open", "wait", "closed");
      part.classList.add("unknown");
      const word = part.querySelector(".word");
      if (part.id === "answer") {
        word.textContent = "UNKNOWN";
        part.querySelector(".sentence").textContent = "What is shown is stale. Do not go on.";
        part.querySelector(".why").textContent = "";
        part.querySelector("progress")?.remove();
        document.title = `stale · UNKNOWN · kvmigration`;
        say("What is shown is stale. Do not go on.");
      } else {
        word.textContent = "unknown";
      }
      for (const icon of part.querySelectorAll(".icon")) icon.remove();
      tag = null; // whatever comes next is shown anew
    }
  };

  const say = (text) => {
    if (text && announcer.textContent !== text) announcer.textContent = text;
  };

  // Makes `mine` like `theirs`, keeping every node that can stay: focus, selection, scroll and opened details.
  const follow = (mine, theirs) => {
    for (const { name } of [...mine.attributes]) {
      if (!theirs.hasAttribute(name) && !(name === "open" && mine.tagName === "DETAILS")) mine.removeAttribute(name);
    }
    for (const { name, value } of theirs.attributes) {
      if (mine.getAttribute(name) !== value) mine.setAttribute(name, value);
    }
    const stay = new Set([...theirs.children].map((child) => child.id));
    for (const child of [...mine.children]) {
      if (child.id && !stay.has(child.id)) child.remove();
    }
    let place = mine.firstChild;
    for (const wanted of [...theirs.childNodes]) {
      if (wanted.id && (!place || place.id !== wanted.id)) {
        const known = [...mine.children].find((child) => child.id === wanted.id);
        if (known) {
          mine.insertBefore(known, place);
          place = known;
        }
      }
      if (place && place.nodeType === wanted.nodeType && place.nodeName === wanted.nodeName && (place.id || "") === (wanted.id || "")) {
        if (place.nodeType === Node.ELEMENT_NODE) follow(place, wanted);
        else if (place.data !== wanted.data) place.data = wanted.data;
        place = place.nextSibling;
      } else {
        mine.insertBefore(document.adoptNode(wanted), place);
      }
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
  };

  const show = (text) => {
    const read = new DOMParser().parseFromString(text, "text/html");
    const wanted = read.getElementById("main");
    if (!wanted) throw new Error("no page came");
    const focused = document.activeElement;
    follow(document.getElementById("main"), wanted);
    if (focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
    for (const part of ["footer", ".product"]) {
      const mine = document.querySelector(part);
      const theirs = read.querySelector(part);
      if (mine && theirs) follow(mine, theirs);
    }
    offer();
    document.title = read.title;
    say(wanted.dataset.announcement);
  };

  const ask = async () => {
    asking = new AbortController();
    const stop = setTimeout(() => asking.abort(), 10000);
    try {
      const headers = tag ? { "If-None-Match": tag } : {};
      const answer = await fetch(location.href, { headers, cache: "no-store", signal: asking.signal });
      if (![200, 304, 404, 503].includes(answer.status)) throw new Error(`status ${answer.status}`);
      const text = answer.status === 304 ? "" : await answer.text();
      const told = answer.headers.get("Snapshot-Age");
      if (text) show(text);
      if (text) tag = answer.headers.get("ETag");
      age = told === null ? null : Number(told);
      came = performance.now();
      lostSince = null;
    } catch (error) {
      if (!paused && !document.hidden) lostSince ??= performance.now();
    } finally {
      clearTimeout(stop);
      asking = null;
    }
    tell();
    next();
  };

  const next = () => {
    clearTimeout(timer);
    if (!paused && !document.hidden) timer = setTimeout(ask, poll);
  };
  const now = () => {
    clearTimeout(timer);
    if (asking) return;
    if (!paused && !document.hidden) ask();
  };

  // Lines to copy: a button stays hidden where the browser has no clipboard to write.
  const offer = () => {
    for (const button of document.querySelectorAll("button.copy")) button.hidden = !navigator.clipboard;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button.copy");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
      say("Copied.");
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    } catch {
      say("Not copied.");
    }
  });
  offer();

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on updating" : "Pause updates";
    tell();
    now();
  });
  document.addEventListener("visibilitychange", now);
  addEventListener("online", now);
  setInterval(tell, 1000);
  tell();
  next();
})();
