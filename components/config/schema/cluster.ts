/** `larder:cluster`: which cluster. `larder:images`: where its images come from. */
import { z } from 'zod';
import { defaultImages } from '../images.ts';
import { text } from './atoms.ts';

export const clusterSchema = z.strictObject({
  /** Name of the kubeconfig context. Required: the ambient one may be another cluster. */
  context: text,
  /**
   * File, absolute or from the project's folder, `~` allowed. Default: $KUBECONFIG, else
   * ~/.kube/config.
   */
  kubeconfig: text.optional(),
  /** Take over objects that are already there, for one update after the state was lost. */
  adopt: z.boolean().default(false),
});

export const imagesSchema = z.strictObject({
  postgres: text.default(defaultImages.postgres),
  tools: text.default(defaultImages.tools),
  localPathProvisioner: text.default(defaultImages.localPathProvisioner),
  /** The data plane of tiers with the engine `larder`; the lab packs its own. */
  dataplane: text.optional(),
  /** Instead: a repository in a registry, into which the program builds it. */
  dataplaneRepository: text
    .regex(/^[a-z0-9][a-z0-9.:/_-]*[a-z0-9]$/, 'a repository in a registry, without tag or digest')
    .optional(),
  csiProvisioner: text.default(defaultImages.csiProvisioner),
  csiAttacher: text.default(defaultImages.csiAttacher),
  csiResizer: text.default(defaultImages.csiResizer),
  csiSnapshotter: text.default(defaultImages.csiSnapshotter),
  gitea: text.default(defaultImages.gitea),
  loki: text.default(defaultImages.loki),
  homeAssistant: text.default(defaultImages.homeAssistant),
  restic: text.default(defaultImages.restic),
  resticServer: text.default(defaultImages.resticServer),
  node: text.default(defaultImages.node),
});
