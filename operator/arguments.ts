/** The command line: what is asked for, or what is wrong with it. */
import { parseArgs } from 'node:util';
import { nearest } from '../components/config/suggest.ts';
import { Fault } from '../dataplane/base/fault.ts';

export const usage = `npm run larder -- <command> [options]

  status                 are the data safe, and what to do if not
  volume [NAME]          all volumes, or one explained; NAME is a volume or a claim (apps/postgres-main)
  node [NAME]            all storage nodes, or one explained
  doctor                 whether every part is there, of one version and well
  drain NODE             make the copies of a node elsewhere; may be interrupted and run again
    --undo               stop that, and let copies come again
    --no-wait            do not follow it
  recover VOLUME         what can be done for a volume that does not come back, and what each would cost
    --node-is-off        tell Kubernetes that the node that uses it is off for sure

  --context NAME         of the kubeconfig; default: its current one
  --kubeconfig FILE      default: $KUBECONFIG, else ~/.kube/config
  --json                 for programs
  --yes                  do not ask

Exit code: 0 all well, 3 something needs somebody, 1 it could not be found out or done, 2 not understood.`;

const commands = ['status', 'volume', 'node', 'doctor', 'drain', 'recover'] as const;
type Command = (typeof commands)[number];

export interface Wanted {
  readonly command: Command;
  /** The node or volume; empty where none was named. */
  readonly name: string;
  readonly context: string | undefined;
  readonly kubeconfig: string | undefined;
  readonly json: boolean;
  readonly yes: boolean;
  readonly undo: boolean;
  readonly wait: boolean;
  readonly nodeIsOff: boolean;
}

/** Options that mean something to one command only. */
const own: Readonly<Record<string, Command>> = {
  undo: 'drain',
  'no-wait': 'drain',
  'node-is-off': 'recover',
};

/** Throws `input.invalid`; `help` for who asks for help or says nothing. */
export function parseArguments(args: readonly string[]): Wanted | 'help' {
  const { values, positionals } = parsed(args);
  const [word, name = '', ...rest] = positionals;
  if (word === undefined || values.help === true || word === 'help') return 'help';
  const command = commands.find((each) => each === word);
  if (command === undefined) {
    const near = nearest(word, commands);
    const meant = near === undefined ? '' : `Did you mean ${near}? `;
    throw wrong(`There is no command ${word}.`, `${meant}There are ${commands.join(', ')}.`);
  }
  if (rest.length > 0) throw wrong(`${command} takes one name; got ${positionals.length - 1}.`);
  if (name === '' && (command === 'drain' || command === 'recover')) {
    throw wrong(`${command} needs the name of a ${command === 'drain' ? 'node' : 'volume'}.`);
  }
  if (name !== '' && (command === 'status' || command === 'doctor')) {
    throw wrong(`${command} is about the whole cluster; got ${name}.`);
  }
  for (const [option, of] of Object.entries(own)) {
    if (option in values && of !== command) throw wrong(`--${option} belongs to ${of}.`);
  }
  return {
    command,
    name,
    context: values.context,
    kubeconfig: values.kubeconfig,
    json: values.json === true,
    yes: values.yes === true,
    undo: values.undo === true,
    wait: values['no-wait'] !== true,
    nodeIsOff: values['node-is-off'] === true,
  };
}

function parsed(args: readonly string[]) {
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        context: { type: 'string' },
        kubeconfig: { type: 'string' },
        json: flag,
        yes: flag,
        help: { ...flag, short: 'h' },
        undo: flag,
        'no-wait': flag,
        'node-is-off': flag,
      },
    });
  } catch (error) {
    // Its messages name the option and end with what is possible.
    throw wrong(error instanceof Error ? error.message : String(error));
  }
}

function wrong(
  message: string,
  hint = 'npm run larder -- help lists commands and options.',
): Fault {
  return new Fault('input.invalid', message, { hint });
}
