/** The open model: iterations begin at a rate whatever the server does, and times count from when each one was meant to begin. */
import exec from 'k6/execution';

/** Of all iterations so many may be dropped (k6 had no user free): one in a thousand, a garbage collection of k6's own. */
const DROPPED = 0.001;
/** Users are made before the load, because making one in its midst costs as much as a hundred sends: enough for answers that take this long. */
const PATIENCE_SECONDS = 0.1;

/** A scenario that begins `rate` iterations a second for `duration` seconds. */
export function steady(execName, rate, duration, { startTime = 0, most = 400, tags } = {}) {
  const users = Math.min(most, Math.max(50, Math.ceil(rate * PATIENCE_SECONDS)));
  return Object.assign(
    {
      executor: 'constant-arrival-rate',
      exec: execName,
      rate: rate >= 1 ? Math.round(rate) : Math.max(1, Math.round(rate * 60)),
      timeUnit: rate >= 1 ? '1s' : '60s',
      duration: `${duration}s`,
      startTime: `${startTime}s`,
      preAllocatedVUs: users,
      maxVUs: Math.max(users, most),
      gracefulStop: '5s',
    },
    tags ? { tags } : {},
  );
}

/** Thresholds that every open script has. */
export const kept = (rate, duration) => ({ dropped_iterations: [`count<=${Math.ceil(rate * duration * DROPPED)}`], failed: ['count==0'] });

/**
 * What every script says besides: k6 keeps its own metrics for each combination of these tags, and with the URL among them
 * each room would be one.
 */
export const LEAN = { systemTags: ['scenario', 'status'], noCookiesReset: true, summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'max', 'count'] };

// `exec.scenario` builds an object at each look, whose properties are looked up when asked for: one is enough for a user.
let scenario;

/** The number of the present iteration of its scenario, from 0. */
export function turn() {
  scenario = scenario || exec.scenario;
  return scenario.iterationInTest;
}

let begun;
let begunFor;

/** An iteration that k6 drops is not numbered, so all later ones seem to be late by its share of a second. */
const REMEMBERED = 8;
let lately = [];

/**
 * When iteration `n` of a scenario of this rate was meant to begin, in milliseconds since 1970. Called when it begins: being late counts, but
 * not what this user's last iterations were all late by.
 */
export function intended(rate, n) {
  // A user may serve several scenarios, one after the other.
  if (scenario.name !== begunFor) {
    begunFor = scenario.name;
    begun = Number(scenario.startTime);
    lately = new Array(REMEMBERED).fill(0);
  }
  const due = begun + (n * 1000) / rate;
  lately.shift();
  lately.push(Math.max(0, Date.now() - due));
  return due + Math.min(...lately);
}
