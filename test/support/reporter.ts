/**
 * Mocha's spec output plus two things the gate needs: every skipped test prints its reason, and the
 * counts are appended to the file named by `LARDER_TEST_COUNTS` so that `test/run.ts` can add them
 * up. A test that skips must say why: `skip(this, 'needs root')`; a bare `this.skip()` is a
 * failure.
 */
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

const skipReasons = new WeakMap<object, string>();

/** Skips the running test or suite with a reason that the reporter prints. */
export function skip(context: Mocha.Context, reason: string): never {
  const { currentTest, test } = context;
  const running: object | undefined = currentTest ?? test;
  if (running !== undefined) skipReasons.set(running, reason);
  // A skip in a `before` hook ends the whole suite, whose tests mocha then reports one by one;
  // `currentTest` is only the first of them.
  const isBeforeAll = test?.title.startsWith('"before all" hook') === true;
  if (isBeforeAll && test?.parent !== undefined) skipReasons.set(test.parent, reason);
  return context.skip();
}

function reasonOf(test: Mocha.Test): string | undefined {
  let node: object | undefined = test;
  while (node !== undefined) {
    const reason = skipReasons.get(node);
    if (reason !== undefined) return reason;
    node = (node as { parent?: object }).parent;
  }
  return undefined;
}

const openHandlesGraceMs = 10_000;

/**
 * A suite that leaves a socket, a timer or a process open would hang the gate without a word: the
 * run is ended and says what is open, and that is a failure.
 */
function endOrTell(counts: { failed: number; passed: number; skipped: number }): void {
  const timer = setTimeout(() => {
    console.log(`  left open by some test: ${process.getActiveResourcesInfo().join(', ')}`);
    const file = process.env['LARDER_TEST_COUNTS'];
    counts.failed += 1;
    if (file !== undefined) writeFileSync(file, `${JSON.stringify(counts)}\n`);
    process.exit(1);
  }, openHandlesGraceMs);
  // In good order the process ends before, because nothing holds it.
  timer.unref();
}

export default class LarderReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const reasons = new Map<string, number>();
    runner.on('pass', () => {
      counts.passed += 1;
    });
    runner.on('fail', () => {
      counts.failed += 1;
    });
    runner.on('pending', (test: Mocha.Test) => {
      counts.skipped += 1;
      const reason = reasonOf(test);
      if (reason === undefined) {
        counts.failed += 1;
        console.log(`  skipped without a reason: ${test.fullTitle()} (use skip() of test/support)`);
        runner.failures += 1;
      }
      const shown = reason ?? 'no reason given';
      reasons.set(shown, (reasons.get(shown) ?? 0) + 1);
    });
    runner.once('end', () => {
      for (const [reason, count] of reasons) console.log(`  ${count} skipped: ${reason}`);
      endOrTell(counts);
      const file = process.env['LARDER_TEST_COUNTS'];
      if (file !== undefined) writeFileSync(file, `${JSON.stringify(counts)}\n`);
    });
  }
}
