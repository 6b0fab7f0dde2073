/**
 * `npm run larder -- <command>`: the operator's view of the replicated volumes of a cluster. Reads
 * it, explains it in words, and asks before it changes anything.
 */
import { createInterface } from 'node:readline/promises';
import { Fault } from '../dataplane/base/fault.ts';
import { HostClock } from '../dataplane/host/clock.ts';
import { parseArguments, usage } from './arguments.ts';
import { connect } from './kubernetes.ts';
import { exitCode } from './outcome.ts';
import { type Person, run } from './run.ts';

async function main(args: readonly string[]): Promise<number> {
  const wanted = parseArguments(args);
  if (wanted === 'help') {
    console.log(usage);
    return args.length === 0 ? exitCode.usage : exitCode.well;
  }
  const interrupted = new AbortController();
  const interrupt = () => {
    if (interrupted.signal.aborted) process.exit(exitCode.interrupted);
    interrupted.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const view = await connect(wanted, process.env, process.cwd());
  // With --json, standard output holds the facts and nothing else.
  const say = (line: string) => (wanted.json ? process.stderr : process.stdout).write(`${line}\n`);
  const person: Person = { say, ask: askOnTerminal, signal: interrupted.signal };
  const outcome = await run(wanted, { view, clock: new HostClock(), person });
  console.log(wanted.json ? JSON.stringify(outcome.facts, undefined, 2) : outcome.lines.join('\n'));
  // `doctor` reports these itself.
  if (wanted.command !== 'doctor') for (const bent of view.bent) console.error(`Left out: ${bent}`);
  return outcome.code;
}

async function askOnTerminal(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY) return undefined;
  using lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`${question} [y/N] `);
  return /^y(es)?$/i.test(answer.trim());
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Fault)) throw error;
  const hint = error.hint === '' ? '' : `\n\n  What to do: ${error.hint}`;
  console.error(`${error.message}${hint}`);
  process.exitCode = error.code === 'input.invalid' ? exitCode.usage : exitCode.failed;
}
// Connections that are kept open would hold the process.
process.exit();
