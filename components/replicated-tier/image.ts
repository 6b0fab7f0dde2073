/**
 * The image of the data plane, built from this very repository and put into a registry of the
 * owner's. Never in a preview: a preview shows that it would be. Never twice: a content that the
 * registry holds is not built again, on whichever machine.
 */
import { local } from '@pulumi/command';
import * as pulumi from '@pulumi/pulumi';
import { contentsOf } from '../../dataplane/container/contents.ts';

export interface BuiltImageArgs {
  /** `registry.home/larder-dataplane`: where it is pushed to, and pulled from by the nodes. */
  readonly repository: string;
  /** Folder of this repository, with its packages installed. */
  readonly root: string;
}

/** The reference with its digest: the last line that the build prints. */
export function builtImage(
  name: string,
  { repository, root }: BuiltImageArgs,
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const { hash } = contentsOf(root);
  const build = new local.Command(
    `${name}-image`,
    {
      create: `node scripts/run.mjs dataplane/container/build.ts ${repository}`,
      dir: root,
      // Another content is another image; nothing else is a reason to look again.
      triggers: [hash],
      // Its own lines say more than the program's about a build that fails.
      logging: 'stderr',
    },
    opts,
  );
  return build.stdout.apply((text) => text.trim().split('\n').at(-1) ?? '');
}
