/**
 * Every limit of the data plane in one place (I-22), each with its reason. `docs/limits.md` says
 * what a user sees when one is reached. Times are on the monotonic clock.
 */
export const limits = {
  /**
   * Members of a volume. Each further copy costs a full write; regions keep a bit per absent one.
   */
  membersMax: 4,
  /**
   * One request to the engine: what NBD clients are promised by default (proto.md, block sizes).
   */
  requestBytesMax: 32 * 2 ** 20,
  /** One frame between engine and replica: the largest request and its header. */
  frameBytesMax: 32 * 2 ** 20 + 64,
  /** Requests taken in by an engine and not answered; more wait outside (NBD stops reading). */
  requestsInFlightMax: 256,
  /** Requests one connection may have open at a replica; an engine that sends more is cut off. */
  peerRequestsInFlightMax: 1024,
  /**
   * Snapshots of a volume: half of the layers a store may have, the others wait to be merged.
   */
  snapshotsMax: 64,
  /** Of a question which blocks hold anything: sixteen table pages, all of which may be read. */
  statusBytesMax: 64 * 2 ** 20,
  /**
   * Bytes of requests and replies one connection may hold in a replica's memory; with more it is
   * not read from. One request may go beyond it.
   */
  peerBytesMax: 64 * 2 ** 20,
  /**
   * Connections a replica server has open: one for each member and engine, and those of dead
   * engines until the kernel notices. More are closed at once.
   */
  peerConnectionsMax: 1024,
  /** Pages of the checksum table a store keeps in memory: 1 MiB, which maps 1 GiB of data. */
  tablePagesMax: 256,
  /** Unsaved pages at which a store saves them without being asked. */
  tablePagesUnsavedMax: 128,
  /** Layers of a store: its snapshots, the head, and layers that wait to be merged. */
  layersMax: 128,
  /**
   * Space of a file system that is left alone by what clients write: for table pages, layer lists
   * and whatever the file system itself needs to go on.
   */
  diskReserveBytes: 64 * 2 ** 20,
  /** One copy step of a resync; foreground writes to it wait while it is under way. */
  copyBytesMax: 256 * 2 ** 10,
  /**
   * What the scrub reads of each member. 1 TiB takes three days, and a disk of 100 MB/s that does
   * nothing else gives up a twentieth of its time.
   */
  scrubBytesPerSecond: 4 * 2 ** 20,
  /** A scrub of a volume takes at least so long: small ones need no more haste than large ones. */
  scrubPassMs: 3 * 24 * 3_600_000,
  /** How long one step of a scrub waits for a moment without clients' requests. */
  scrubPatienceMs: 1000,
  /** Memory for what the offline tool changes while it opens a store that it must not touch. */
  overlayBytesMax: 256 * 2 ** 20,
  /** Volumes attached to a node: each takes some 20 MB of relay and FUSE server. */
  attachedVolumesMax: 64,
  /** A volume: what ext4 holds by default with blocks of 4096. */
  volumeBytesMax: 16 * 2 ** 40,
  /** ASCII bytes of the name of a volume, lineage or member (a Kubernetes UID has 36). */
  idBytesMax: 40,
  /** Characters of a reason that crosses the wire. */
  reasonBytesMax: 512,
  /** Events that wait for the API server; more are dropped: they are told for people. */
  eventsWaitingMax: 64,
  /** Events a controller remembers to have told, so as not to tell them again at once. */
  eventsKnownMax: 1024,
} as const;
