/**
 * The code that a benchmark compares this one with: a folder somebody has checked out, or a
 * revision of this repository, which is unpacked for the time of the run. Both use the packages of
 * this checkout, so that only our own code differs.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { LabFault } from '../lab/base/fault.ts';
import { repositoryRoot } from '../lab/base/paths.ts';

export interface Checkout extends Disposable {
  readonly folder: string;
}

/**
 * Throws with git's own words when the revision is none.
 *
 * @param wanted a folder with a checkout, else anything git takes for a revision
 * @param parent where a revision is unpacked
 */
export function checkoutOf(wanted: string, parent: string): Checkout {
  if (existsSync(wanted) && statSync(wanted).isDirectory()) {
    return { folder: path.resolve(wanted), [Symbol.dispose]: () => {} };
  }
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(path.join(parent, 'against-'));
  const remove = () => {
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const archive = path.join(folder, 'checkout.tar');
    const git = ['archive', '--format=tar', `--output=${archive}`, wanted];
    execFileSync('git', git, { cwd: repositoryRoot, stdio: ['ignore', 'ignore', 'pipe'] });
    execFileSync('tar', ['-xf', archive, '-C', folder]);
    symlinkSync(path.join(repositoryRoot, 'node_modules'), path.join(folder, 'node_modules'));
  } catch (error) {
    remove();
    const said = (error as { readonly stderr?: Buffer }).stderr?.toString().trim();
    throw new LabFault(
      `"${wanted}" is neither a folder nor a revision: ${said ?? String(error)}`,
      'Name a commit, a branch or a tag of this repository, or the folder of a checkout.',
      { cause: error },
    );
  }
  return { folder, [Symbol.dispose]: remove };
}
