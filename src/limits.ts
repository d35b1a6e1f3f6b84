/** Every number that a client can hit, each with its reason. What an operator may change is in config.ts instead. */

/** A body or a frame; Bun is told so, and larger ones are refused before they are parsed. */
export const BODY_BYTES = 65_536;
export const FRAME_BYTES = 65_536;

/** Above this Bun itself cuts the connection (rest.md: "above 1 MiB the connection may simply be cut"). */
export const BODY_CUT_BYTES = 1_048_576;

/** Code points of a message, of room texts, of names (rest.md, Details). */
export const CONTENT_LENGTH = 4_000;
export const ROOM_NAME_LENGTH = 100;
export const DESCRIPTION_LENGTH = 1_000;
export const USERNAME_MIN = 3;
export const USERNAME_MAX = 64;
export const EMAIL_LENGTH = 254;
export const PERSON_NAME_LENGTH = 100;
export const PASSWORD_MIN = 8;
export const PASSWORD_MAX = 128;
export const CLIENT_MESSAGE_ID_LENGTH = 64;

export const SEARCH_LENGTH = 200;
export const CONTAINS_MIN = 3;

/** One page of a list, of history and of events. */
export const PAGE_DEFAULT = 25;
export const PAGE_MAX = 100;
export const HISTORY_DEFAULT = 50;
export const EVENTS_DEFAULT = 100;
export const EVENTS_MAX = 500;

export const INITIAL_MEMBERS = 100;
export const EXCLUDED_USERS = 100;
export const INVITE_USES_MAX = 1_000;

/** `unread` is exact to here; one more means "this many or more", so that counting is bounded. */
export const UNREAD_EXACT = 99;

/** Resume: more missed events or bytes than this are a `gap`, which REST fills in pages. */
export const REPLAY_EVENTS = 500;
export const REPLAY_BYTES = 1_048_576;
export const REPLAY_EVENTS_PER_COMMAND = 2_000;
export const ROOMS_PER_SUBSCRIBE = 200;
/** Commands of one socket that wait for an answer. */
export const UNANSWERED = 64;
export const READY_ROOMS = 200;
export const COMMAND_ID_LENGTH = 64;

/** What a socket may owe: closed within 5 s above the first, at once above the second (Bun's backpressure limit). */
export const SOCKET_OWED_BYTES = 524_288;
export const SOCKET_BUFFER_BYTES = 1_048_576;
/** Replays wait for `drain` above this. */
export const REPLAY_PACE_BYTES = 262_144;

/** Rooms with more members hear no typing or read markers, and presence as a count alone. */
export const EPHEMERAL_MEMBERS = 200;

/** The largest integer that a JSON reader may rely on (RFC 8259, section 6). */
export const SAFE_INTEGER = Number.MAX_SAFE_INTEGER;
