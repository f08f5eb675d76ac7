#include "config.h"

#include "web/mime.h"

/* Sorted by extension. */
static const struct {
	const char *extension;
	const char *content_type;
} types[] = {
	{ "7z",	"application/x-7z-compressed" },
	{ "aac",	"audio/aac" },
	{ "ai",	"application/postscript" },
	{ "apk",	"application/vnd.android.package-archive" },
	{ "apng",	"image/apng" },
	{ "atom",	"application/atom+xml" },
	{ "avi",	"video/x-msvideo" },
	{ "avif",	"image/avif" },
	{ "bin",	"application/octet-stream" },
	{ "bmp",	"image/bmp" },
	{ "bz2",	"application/x-bzip2" },
	{ "c",	"text/x-c; charset=utf-8" },
	{ "cer",	"application/pkix-cert" },
	{ "cjs",	"application/node" },
	{ "crt",	"application/x-x509-ca-cert" },
	{ "css",	"text/css; charset=utf-8" },
	{ "csv",	"text/csv; charset=utf-8" },
	{ "deb",	"application/x-debian-package" },
	{ "dmg",	"application/x-apple-diskimage" },
	{ "doc",	"application/msword" },
	{ "docx",	"application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
	{ "eml",	"message/rfc822" },
	{ "eot",	"application/vnd.ms-fontobject" },
	{ "eps",	"application/postscript" },
	{ "epub",	"application/epub+zip" },
	{ "exe",	"application/x-msdos-program" },
	{ "flac",	"audio/x-flac" },
	{ "geojson",	"application/geo+json" },
	{ "gif",	"image/gif" },
	{ "glb",	"model/gltf-binary" },
	{ "gltf",	"model/gltf+json" },
	{ "gpx",	"application/gpx+xml" },
	{ "gz",	"application/gzip" },
	{ "h",	"text/x-c; charset=utf-8" },
	{ "heic",	"image/heic" },
	{ "htm",	"text/html; charset=utf-8" },
	{ "html",	"text/html; charset=utf-8" },
	{ "ico",	"image/vnd.microsoft.icon" },
	{ "ics",	"text/calendar; charset=utf-8" },
	{ "iso",	"application/x-iso9660-image" },
	{ "jar",	"application/java-archive" },
	{ "java",	"text/x-java-source; charset=utf-8" },
	{ "jpeg",	"image/jpeg" },
	{ "jpg",	"image/jpeg" },
	{ "js",	"text/javascript; charset=utf-8" },
	{ "json",	"application/json; charset=utf-8" },
	{ "jsonld",	"application/ld+json" },
	{ "jxl",	"image/jxl" },
	{ "kml",	"application/vnd.google-earth.kml+xml" },
	{ "kmz",	"application/vnd.google-earth.kmz" },
	{ "log",	"text/plain; charset=utf-8" },
	{ "m3u8",	"application/vnd.apple.mpegurl" },
	{ "m4a",	"audio/mp4" },
	{ "m4v",	"video/x-m4v" },
	{ "map",	"application/json; charset=utf-8" },
	{ "mathml",	"application/mathml+xml" },
	{ "md",	"text/markdown; charset=utf-8" },
	{ "mhtml",	"message/rfc822" },
	{ "mid",	"audio/midi" },
	{ "midi",	"audio/midi" },
	{ "mjs",	"text/javascript; charset=utf-8" },
	{ "mkv",	"video/x-matroska" },
	{ "mov",	"video/quicktime" },
	{ "mp3",	"audio/mpeg" },
	{ "mp4",	"video/mp4" },
	{ "mpd",	"application/dash+xml" },
	{ "mpeg",	"video/mpeg" },
	{ "mpg",	"video/mpeg" },
	{ "obj",	"model/obj" },
	{ "odp",	"application/vnd.oasis.opendocument.presentation" },
	{ "ods",	"application/vnd.oasis.opendocument.spreadsheet" },
	{ "odt",	"application/vnd.oasis.opendocument.text" },
	{ "oga",	"audio/ogg" },
	{ "ogg",	"audio/ogg" },
	{ "ogv",	"video/ogg" },
	{ "opus",	"audio/ogg" },
	{ "otf",	"font/otf" },
	{ "p7s",	"application/pkcs7-signature" },
	{ "pdf",	"application/pdf" },
	{ "pem",	"application/x-x509-ca-cert" },
	{ "php",	"application/x-httpd-php" },
	{ "pl",	"application/x-perl" },
	{ "png",	"image/png" },
	{ "ppt",	"application/vnd.ms-powerpoint" },
	{ "pptx",	"application/vnd.openxmlformats-officedocument.presentationml.presentation" },
	{ "ps",	"application/postscript" },
	{ "psd",	"image/vnd.adobe.photoshop" },
	{ "rar",	"application/vnd.rar" },
	{ "rpm",	"application/x-redhat-package-manager" },
	{ "rss",	"application/rss+xml" },
	{ "rtf",	"application/rtf" },
	{ "sh",	"application/x-sh" },
	{ "sql",	"application/sql" },
	{ "stl",	"model/stl" },
	{ "svg",	"image/svg+xml" },
	{ "svgz",	"image/svg+xml" },
	{ "swf",	"application/x-shockwave-flash" },
	{ "tar",	"application/x-tar" },
	{ "text",	"text/plain; charset=utf-8" },
	{ "tif",	"image/tiff" },
	{ "tiff",	"image/tiff" },
	{ "toml",	"application/toml" },
	{ "ts",	"video/mp2t" },
	{ "tsv",	"text/tab-separated-values; charset=utf-8" },
	{ "ttf",	"font/ttf" },
	{ "txt",	"text/plain; charset=utf-8" },
	{ "vcf",	"text/x-vcard; charset=utf-8" },
	{ "vtt",	"text/vtt; charset=utf-8" },
	{ "wasm",	"application/wasm" },
	{ "wav",	"audio/wav" },
	{ "weba",	"audio/webm" },
	{ "webm",	"video/webm" },
	{ "webmanifest",	"application/manifest+json; charset=utf-8" },
	{ "webp",	"image/webp" },
	{ "woff",	"font/woff" },
	{ "woff2",	"font/woff2" },
	{ "xhtml",	"application/xhtml+xml" },
	{ "xls",	"application/vnd.ms-excel" },
	{ "xlsx",	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
	{ "xml",	"application/xml" },
	{ "xsl",	"application/xml" },
	{ "xz",	"application/x-xz" },
	{ "yaml",	"text/yaml; charset=utf-8" },
	{ "yml",	"text/yaml; charset=utf-8" },
	{ "zip",	"application/zip" },
};

enum { NTYPES = sizeof(types) / sizeof(types[0]) };

/* Order of bytes, letters in lower case. */
static int
compare(struct tn_slice a, const char *b)
{
	for (size_t i = 0; i < a.len; i++) {
		char c = a.ptr[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c != b[i])
			return (unsigned char)c < (unsigned char)b[i] ? -1 : 1;
	}
	return b[a.len] == '\0' ? 0 : -1;
}

static const char *
find(struct tn_slice extension)
{
	size_t low = 0, high = NTYPES;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = compare(extension, types[mid].extension);

		if (order == 0)
			return types[mid].content_type;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* Behind the last dot of the last part; empty if there is none. */
static struct tn_slice
extension_of(struct tn_slice path)
{
	ptrdiff_t dot;

	path = tn_slice_after(path, (size_t)(tn_slice_rfind(path, '/') + 1));
	dot = tn_slice_rfind(path, '.');
	return dot < 0 ? TN_SLICE_NONE :
	    tn_slice_after(path, (size_t)dot + 1);
}

/* The type of a Content-Type alone: all up to ';'. */
static struct tn_slice
bare(struct tn_slice content_type)
{
	return tn_slice_trim(tn_slice_cut(&content_type, ';'));
}

const char *
tn_mime_lookup(struct tn_slice extension)
{
	if (extension.len > 0 && extension.ptr[0] == '.')
		extension = tn_slice_after(extension, 1);
	return extension.len == 0 ? NULL : find(extension);
}

const char *
tn_mime_of_path(struct tn_slice path)
{
	const char *found = tn_mime_lookup(extension_of(path));

	return found == NULL ? "application/octet-stream" : found;
}

const char *
tn_mime_content_type(const char *type)
{
	struct tn_slice s = tn_slice_str(type);

	if (tn_slice_find(s, '/') < 0)
		return tn_mime_lookup(s);
	if (tn_slice_find(s, ';') >= 0)
		return type;
	/* the charset that goes with it, if it is one of ours */
	for (size_t i = 0; i < NTYPES; i++) {
		struct tn_slice ours = tn_slice_str(types[i].content_type);

		if (tn_slice_ieq(bare(ours), s))
			return types[i].content_type;
	}
	return type;
}

/* ---- type-is ---------------------------------------------------------------- */

static bool
is_token(struct tn_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') ||
		    (c != '\0' && strchr("!#$&^_.+-", c) != NULL)))
			return false;
	}
	return s.len > 0 && s.len <= 127;
}

/* What a word stands for; empty if for nothing. */
static struct tn_slice
normalize(const char *expected)
{
	if (strcmp(expected, "urlencoded") == 0)
		return TN_SLICE("application/x-www-form-urlencoded");
	if (strcmp(expected, "multipart") == 0)
		return TN_SLICE("multipart/*");
	if (expected[0] == '+' || strchr(expected, '/') != NULL)
		return tn_slice_str(expected);
	return bare(tn_slice_str(tn_mime_lookup(tn_slice_str(expected))));
}

static bool
ends_in(struct tn_slice s, struct tn_slice suffix)
{
	return s.len >= suffix.len &&
	    tn_slice_ieq(tn_slice_after(s, s.len - suffix.len), suffix);
}

bool
tn_mime_is(struct tn_slice content_type, const char *expected)
{
	struct tn_slice sub = bare(content_type);
	struct tn_slice type = tn_slice_cut(&sub, '/');
	struct tn_slice want_sub = normalize(expected);
	struct tn_slice want_type;

	if (!is_token(type) || !is_token(sub) || want_sub.len == 0)
		return false;
	if (want_sub.ptr[0] == '+')
		return ends_in(sub, want_sub);
	want_type = tn_slice_cut(&want_sub, '/');
	if (!tn_slice_is(want_type, "*") && !tn_slice_ieq(want_type, type))
		return false;
	if (tn_slice_starts(want_sub, TN_SLICE("*+")))
		return ends_in(sub, tn_slice_after(want_sub, 1));
	return tn_slice_is(want_sub, "*") || tn_slice_ieq(want_sub, sub);
}
