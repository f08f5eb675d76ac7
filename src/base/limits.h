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
#define TN_LIMIT_COOKIE_BYTES		8192	/* the Cookie header */
#define TN_LIMIT_PATH_BYTES		4096
#define TN_LIMIT_QS_DEPTH		32	/* brackets of a field's name, as Express */
#define TN_LIMIT_RANGES			16	/* parts of one Range header */
#define TN_LIMIT_SUBNETS		32	/* trusted proxies */
#define TN_LIMIT_FORWARDED		16	/* addresses of X-Forwarded-For believed */
#define TN_LIMIT_FORMATS		16	/* offers of one answer */
#define TN_LIMIT_PARAMS			16	/* ":name" parts of one route */
#define TN_LIMIT_PATTERN_BYTES		1024	/* of a route's pattern */
#define TN_LIMIT_PATTERN_FORMS		256	/* choices of its groups, as Express */
#define TN_LIMIT_PATTERN_PARTS		8192	/* texts and names, in all of them */
#define TN_LIMIT_PARAM_CALLS		16	/* param callbacks remembered */
#define TN_LIMIT_MOUNTS			8	/* routers within routers */
#define TN_LIMIT_LOCALS			16	/* data of handlers, a request */
#define TN_LIMIT_RES_HEADERS		48	/* that handlers may set */
#define TN_LIMIT_RES_OWN_HEADERS	16	/* the library's, beside them */
#define TN_LIMIT_RES_HOOKS		8	/* before its head, after its end */
#define TN_LIMIT_HEADER_VALUE		8192	/* bytes, in an answer */
#define TN_LIMIT_FORM_BYTES		(64u << 10)	/* body of a form; preset */
#define TN_LIMIT_BODY_BYTES		(100u << 10)	/* JSON, text, raw; as Express */
#define TN_LIMIT_INFLATE_RATIO		100	/* of a compressed body past 64 KiB */
#define TN_LIMIT_PART_HEAD		4096	/* bytes of a multipart part's head */
#define TN_LIMIT_UPLOAD_BYTES		(16u << 20)	/* a multipart body */
#define TN_LIMIT_UPLOAD_FILES		16	/* files in one */
#define TN_LIMIT_PAGE_BYTES		(4u << 20)	/* one rendered view */
#define TN_LIMIT_RANGES_BYTES		(1u << 20)	/* of several parts; past it all is sent */
#define TN_LIMIT_VIEW_BYTES		(256u << 10)	/* one template */
#define TN_LIMIT_VIEW_DEPTH		16	/* views within views, blocks too */
#define TN_LIMIT_REQUEST_ARENA		(4u << 20)	/* bytes a request may use */

/* FastCGI, before libfcgi reads it. */
#define TN_LIMIT_FCGI_HEAD		49152	/* bytes of parameters; a look sees 64 KiB */
#define TN_LIMIT_FCGI_PAIR		(1u << 20)	/* claimed for one; more is nonsense */
#define TN_LIMIT_FCGI_DRAIN		(64u << 20)	/* of a body nobody wanted */
#define TN_LIMIT_FCGI_UNSENT		(4u << 20)	/* of an answer, held for a slow front */
#define TN_LIMIT_FCGI_UNSENT_ALL	(64u << 20)	/* of all answers of a process */
#define TN_LIMIT_FCGI_CONNECTIONS	1024	/* of one process; preset */

/* What tandemctl asks a worker. */
#define TN_LIMIT_CONTROL_REQUEST	65536	/* bytes of one request */
#define TN_LIMIT_CONTROL_WORDS		32	/* in it */
#define TN_LIMIT_CONTROL_CALLS		16	/* at the same time */
#define TN_LIMIT_CONTROL_ANSWER		(16u << 20)	/* bytes */

/* Connections before it is known whose they are. */
#define TN_LIMIT_OWNER_LINE		4096	/* bytes of the first line; our own are short */
#define TN_LIMIT_GATE			4096	/* waiting for that line */
#define TN_LIMIT_FORWARDS		4096	/* carried to other hosts */
#define TN_LIMIT_ARRIVALS		256	/* from there, before their greeting's end */

#define TN_LIMIT_IO_HEAD_BYTES		16384	/* of a request to tandem-ws */
#define TN_LIMIT_BODY_SKIPPED		(4u << 20)	/* refused, read even so */

/* Sessions. */
#define TN_LIMIT_SESSION_ID		128	/* bytes; ours have 32 */
#define TN_LIMIT_SESSION_BYTES		65536	/* the record in Redis */
#define TN_LIMIT_SESSION_RETRIES	1000	/* merges of one save */
#define TN_LIMIT_SESSION_TOMBSTONE_S	60	/* longer than any request */
#define TN_LIMIT_SESSION_AGENT		300	/* bytes of a browser's name kept */
#define TN_LIMIT_USER_SESSIONS		50	/* of one user; the oldest ends */
#define TN_LIMIT_USER_TOKENS		20	/* "stay logged in", of one user */
#define TN_LIMIT_REMEMBER_GRACE_MS	60000	/* of the last validator */
#define TN_LIMIT_SECRETS		8
#define TN_LIMIT_SECRET_MIN		16	/* bytes; a shorter one is refused */

/* Accounts. */
#define TN_LIMIT_USERNAME		32	/* code points */
#define TN_LIMIT_PASSWORD_MIN		8	/* bytes */
#define TN_LIMIT_HASH_KIB		262144	/* cost that a stored hash may ask */
#define TN_LIMIT_HASH_PASSES		16
#define TN_LIMIT_PASSWORD_MAX		1024	/* bytes, before hashing */

/* Engine.IO and Socket.IO; the reference's where it has one. */
#define TN_LIMIT_PAYLOAD_PACKETS	65536	/* packets in one POST */
#define TN_LIMIT_ATTACHMENTS		10	/* of a binary event, as socket.io-parser */
#define TN_LIMIT_EVENT_NAME		128	/* bytes */
#define TN_LIMIT_NSP_NAME		128	/* bytes */
#define TN_LIMIT_ROOM_NAME		128	/* bytes */
#define TN_LIMIT_DYNAMIC_NSPS		1024	/* that clients had made */
#define TN_LIMIT_NSPS_PER_CLIENT	16
#define TN_LIMIT_ROOMS_PER_SOCKET	64
#define TN_LIMIT_PENDING_ACKS		256	/* waiting for a client */
#define TN_LIMIT_AUTH_BYTES		8192	/* payload of a CONNECT */
#define TN_LIMIT_ATTACHMENT_BYTES	(4u << 20)	/* of one binary event, in all */
#define TN_LIMIT_ATTACHMENT_MS		30000	/* from the event to its last one */
#define TN_LIMIT_SOCKET_DATA		16384	/* bytes of a socket's data as JSON */
#define TN_LIMIT_RECOVERY_BYTES		(16u << 20)	/* events kept, a namespace */
#define TN_LIMIT_RECOVERY_SESSIONS	16384	/* that were left, a namespace */
#define TN_LIMIT_RECOVERY_OWNER		512	/* bytes of who may come back */
#define TN_LIMIT_RECOVERY_REPLAY	(512u << 10)	/* bytes; half a queue */

/* What other nodes publish, and what they ask. */
#define TN_LIMIT_CLUSTER_MESSAGE	(16u << 20)	/* bytes of one message */
#define TN_LIMIT_CLUSTER_BUFFERS	1024	/* binary values in one message */
#define TN_LIMIT_CLUSTER_ROOMS		16384	/* rooms named in one message */
#define TN_LIMIT_STREAM_ROOMS		1024	/* of an event kept, except among them */
#define TN_LIMIT_STREAM_LOOK		20000	/* entries looked through for one session at once; one more a ms */
#define TN_LIMIT_COMEBACKS		4096	/* sessions wanted back at once */
#define TN_LIMIT_REQUEST_ID		128	/* bytes, and of a node's uid */
#define TN_LIMIT_CLUSTER_ACK_MS		60000	/* the longest such wait */
#define TN_LIMIT_CLUSTER_REQUEST_MS	5000	/* for other nodes, as the reference */
#define TN_LIMIT_GATHERS		1024	/* that wait at once */
#define TN_LIMIT_GATHER_BYTES		(64u << 20)	/* of one's answers */

/* The chat. */
#define TN_LIMIT_CHAT_ROOM		64	/* bytes of a room's name */
#define TN_LIMIT_CHAT_MESSAGE		4096	/* bytes of one message */
#define TN_LIMIT_CHAT_HISTORY		100	/* messages in one answer */
#define TN_LIMIT_CHAT_ROOMS		1000	/* rooms in one answer */
#define TN_LIMIT_CHAT_USERS		1000	/* users in one answer */
#define TN_LIMIT_CHAT_USER_ID		128	/* bytes */
#define TN_LIMIT_CHAT_USER		1024	/* bytes of a user as JSON */
#define TN_LIMIT_CHAT_CLIENT_ID		64	/* bytes of a message's own id */

/* The cluster. */
#define TN_LIMIT_NODES			1024	/* ids kept that are not known to live */
#define TN_LIMIT_WORKER_NAME		32	/* bytes */

/* Redis. */
#define TN_LIMIT_REDIS_REPLY		(16u << 20)	/* bytes of one reply */
#define TN_LIMIT_REDIS_LINE		65536u	/* the first line of one */
#define TN_LIMIT_REDIS_COMMAND		(16u << 20)	/* bytes of one command */
#define TN_LIMIT_REDIS_OUT		(64u << 20)	/* bytes not sent yet */
#define TN_LIMIT_REDIS_WAITING		100000	/* commands without an answer */

#endif
