/** The open model: iterations begin at a rate whatever the server does, and times count from when each one was meant to begin. */
import exec from 'k6/execution';

/** Of all iterations so many may be dropped (k6 had no user free): one in a thousand, a garbage collection of k6's own. */
const DROPPED = 0.001;

/** A scenario that begins `rate` iterations a second for `duration` seconds. */
export const steady = (execName, rate, duration, { startTime = 0, users = 50, most = 400, tags } = {}) => ({
  executor: 'constant-arrival-rate',
  exec: execName,
  rate: rate >= 1 ? Math.round(rate) : Math.max(1, Math.round(rate * 60)),
  timeUnit: rate >= 1 ? '1s' : '60s',
  duration: `${duration}s`,
  startTime: `${startTime}s`,
  preAllocatedVUs: Math.min(users, Math.max(4, Math.ceil(rate))),
  maxVUs: most,
  gracefulStop: '5s',
  ...(tags ? { tags } : {}),
});

/** Thresholds that every open script has. */
export const kept = (rate, duration) => ({ dropped_iterations: [`count<=${Math.ceil(rate * duration * DROPPED)}`], failed: ['count==0'] });

/** When the present iteration was meant to begin, in milliseconds since 1970. */
export function intended(rate) {
  const { startTime, iterationInTest } = exec.scenario;
  return Number(startTime) + (iterationInTest * 1000) / rate;
}

export const TREND = ['min', 'med', 'p(95)', 'p(99)', 'max', 'count'];
