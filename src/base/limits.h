/*
 * Every number that bounds input: value, unit, why.
 *
 * Those that a site may want to change are presets of settings and named so.
 */
#ifndef TN_LIMITS_H
#define TN_LIMITS_H

/* Text in a log line: enough to recognise, too little to flood with. */
#define TN_LIMIT_LOG_VALUE		200	/* bytes of one value */

/* Configuration: written by people. */
#define TN_LIMIT_CONF_BYTES		1048576	/* a file */
#define TN_LIMIT_SECRET_FILE		4096	/* first line of a key_file */

/* JSON from peers. JavaScript's own has no bound; a chat needs few. */
#define TN_LIMIT_JSON_DEPTH		64	/* nested arrays and objects */
#define TN_LIMIT_JSON_ITEMS		20000	/* values in one document */

/* HTTP, as nginx allows by default, so that it refuses first. */
#define TN_LIMIT_HEADER_BYTES		32768	/* parameters or header, in all */
#define TN_LIMIT_HEADER_COUNT		128
#define TN_LIMIT_QUERY_PAIRS		64
#define TN_LIMIT_FORM_PAIRS		256
#define TN_LIMIT_COOKIES		64
#define TN_LIMIT_COOKIE_BYTES		8192	/* the Cookie header */
#define TN_LIMIT_PATH_BYTES		4096
#define TN_LIMIT_PARAMS			16	/* ":name" parts of one route */
#define TN_LIMIT_MOUNTS			8	/* routers within routers */
#define TN_LIMIT_LOCALS			16	/* data of handlers, a request */
#define TN_LIMIT_RES_HEADERS		48	/* in one answer */
#define TN_LIMIT_RES_HOOKS		8	/* before its head, after its end */
#define TN_LIMIT_HEADER_VALUE		8192	/* bytes, in an answer */
#define TN_LIMIT_FORM_BYTES		(64u << 10)	/* body of a form; preset */
#define TN_LIMIT_PAGE_BYTES		(4u << 20)	/* one rendered view */
#define TN_LIMIT_VIEW_BYTES		(256u << 10)	/* one template */
#define TN_LIMIT_VIEW_DEPTH		16	/* views within views, blocks too */
#define TN_LIMIT_REQUEST_ARENA		(4u << 20)	/* bytes a request may use */

/* Sessions. */
#define TN_LIMIT_SESSION_ID		128	/* bytes; ours have 32 */
#define TN_LIMIT_SESSION_BYTES		65536	/* the record in Redis */
#define TN_LIMIT_SESSION_RETRIES	100	/* merges of one save */
#define TN_LIMIT_SECRETS		8
#define TN_LIMIT_SECRET_MIN		16	/* bytes; a shorter one is refused */

/* Accounts. */
#define TN_LIMIT_USERNAME		32	/* code points */
#define TN_LIMIT_PASSWORD_MIN		8	/* bytes */
#define TN_LIMIT_PASSWORD_MAX		1024	/* bytes, before hashing */

/* Engine.IO and Socket.IO; the reference's where it has one. */
#define TN_LIMIT_PAYLOAD_PACKETS	1024	/* packets in one POST */
#define TN_LIMIT_ATTACHMENTS		10	/* of a binary event, as socket.io-parser */
#define TN_LIMIT_EVENT_NAME		128	/* bytes */
#define TN_LIMIT_NSP_NAME		128	/* bytes */
#define TN_LIMIT_ROOM_NAME		128	/* bytes */
#define TN_LIMIT_NSPS_PER_CLIENT	16
#define TN_LIMIT_ROOMS_PER_SOCKET	64
#define TN_LIMIT_PENDING_ACKS		256	/* waiting for a client */

/* The chat. */
#define TN_LIMIT_CHAT_ROOM		64	/* bytes of a room's name */
#define TN_LIMIT_CHAT_MESSAGE		4096	/* bytes of one message */
#define TN_LIMIT_CHAT_HISTORY		100	/* messages in one answer */
#define TN_LIMIT_CHAT_STREAM		10000	/* messages kept a room */
#define TN_LIMIT_CHAT_ROOMS		1000	/* rooms in one answer */

/* Redis. */
#define TN_LIMIT_REDIS_REPLY		(16u << 20)	/* bytes of one reply */
#define TN_LIMIT_REDIS_LINE		65536u	/* the first line of one */
#define TN_LIMIT_REDIS_COMMAND		(16u << 20)	/* bytes of one command */
#define TN_LIMIT_REDIS_OUT		(64u << 20)	/* bytes not sent yet */
#define TN_LIMIT_REDIS_WAITING		100000	/* commands without an answer */

#endif
