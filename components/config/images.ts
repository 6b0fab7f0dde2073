/**
 * The container images that the program declares, pinned by tag and digest, in one place that
 * Renovate reads. A stack may name others under `larder:images`; the lab does.
 */
export const defaultImages = {
  /** The official image; its contract: reference in docs/components/postgres.md. */
  // renovate: datasource=docker depName=postgres
  postgres:
    'docker.io/library/postgres:16.14-alpine3.24@sha256:57c72fd2a128e416c7fcc499958864df5301e940bca0a56f58fddf30ffc07777',
  /** A shell with the usual tools, for preparing directories. */
  // renovate: datasource=docker depName=busybox
  tools:
    'docker.io/library/busybox:1.37.0@sha256:bdf57e528e45e4433820e045b29b4597825a1c9e38353532d90a01445013f82e',
  // renovate: datasource=docker depName=rancher/local-path-provisioner
  localPathProvisioner:
    'docker.io/rancher/local-path-provisioner:v0.0.36@sha256:1eba82e9c386038b4af6d69cca7519fac738c28c42735ed48ce70c882ad0d80f',
  /** Newer ones ask for an interface that the kubelet of 1.36 does not speak. */
  // renovate: datasource=docker depName=registry.k8s.io/sig-storage/csi-provisioner
  csiProvisioner: 'registry.k8s.io/sig-storage/csi-provisioner:v6.3.0',
  // renovate: datasource=docker depName=registry.k8s.io/sig-storage/csi-attacher
  csiAttacher: 'registry.k8s.io/sig-storage/csi-attacher:v4.12.0',
} as const;
