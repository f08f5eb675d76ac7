/*
 * A tree is made of cJSON's nodes, but text is read by our own scan and
 * numbers are kept as they were written (cJSON's raw nodes): cJSON's parser
 * takes what is no JSON, cuts strings at \u0000 and rounds large integers.
 */
#include "config.h"

#include "base/json_tree.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/utf8.h"

static cJSON *
node_of(const struct tn_json *value)
{
	return (cJSON *)(uintptr_t)value;
}

static struct tn_json *
tree_of(cJSON *node)
{
	return (struct tn_json *)(void *)node;
}

struct tn_json *
tn_json_object(void)
{
	return tree_of(cJSON_CreateObject());
}

struct tn_json *
tn_json_array(void)
{
	return tree_of(cJSON_CreateArray());
}

/* cJSON's own way to a string wants a NUL behind it. */
static cJSON *
new_string(struct tn_slice text)
{
	cJSON *node = cJSON_CreateNull();

	if (node == NULL)
		return NULL;
	node->valuestring = cJSON_malloc(text.len + 1);
	if (node->valuestring == NULL) {
		cJSON_Delete(node);
		return NULL;
	}
	node->type = cJSON_String;
	if (text.len > 0)
		memcpy(node->valuestring, text.ptr, text.len);
	node->valuestring[text.len] = '\0';
	return node;
}

/* ---- building -------------------------------------------------------------*/

static int
add_member(cJSON *object, const char *name, cJSON *child)
{
	if (child == NULL)
		return TN_E_NOMEM;
	if (!cJSON_AddItemToObject(object, name, child)) {
		cJSON_Delete(child);
		return TN_E_NOMEM;
	}
	return 0;
}

/*
 * A member that was there before keeps its place. The new one is added
 * first: that is the only step that can fail.
 */
static int
set_member(struct tn_json *object, const char *name, cJSON *child)
{
	cJSON *parent = node_of(object);
	cJSON *old = cJSON_GetObjectItemCaseSensitive(parent, name);
	int rc = add_member(parent, name, child);

	if (rc == 0 && old != NULL) {
		cJSON_DetachItemViaPointer(parent, child);
		cJSON_ReplaceItemViaPointer(parent, old, child);
	}
	return rc;
}

int
tn_json_set_string(struct tn_json *object, const char *name,
    struct tn_slice text)
{
	if (tn_slice_find(text, '\0') >= 0 || !tn_utf8_valid(text))
		return TN_E_SYNTAX;
	return set_member(object, name, new_string(text));
}

int
tn_json_set_i64(struct tn_json *object, const char *name, int64_t n)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, n);
	return set_member(object, name, cJSON_CreateRaw(digits));
}

int
tn_json_set_bool(struct tn_json *object, const char *name, bool on)
{
	return set_member(object, name, cJSON_CreateBool(on));
}

int
tn_json_set(struct tn_json *object, const char *name,
    struct tn_json *child)
{
	return set_member(object, name, node_of(child));
}

int
tn_json_append(struct tn_json *array, struct tn_json *child)
{
	cJSON *node = node_of(child);

	if (node == NULL)
		return TN_E_NOMEM;
	if (!cJSON_AddItemToArray(node_of(array), node)) {
		cJSON_Delete(node);
		return TN_E_NOMEM;
	}
	return 0;
}

/* ---- reading text ---------------------------------------------------------*/

static cJSON *build(struct tn_slice value, struct tn_err *err);

static cJSON *
no_memory(struct tn_err *err)
{
	tn_err_set(err, TN_E_NOMEM, "no memory for a JSON document");
	return NULL;
}

/* A raw string decoded, as a string node. */
static cJSON *
build_string(struct tn_slice raw, struct tn_err *err)
{
	struct tn_arena scratch;
	struct tn_slice text;
	cJSON *node = NULL;

	tn_arena_init(&scratch, SIZE_MAX);
	if (tn_json_string(raw, &scratch, &text, err) == 0) {
		node = new_string(text);
		if (node == NULL)
			no_memory(err);
	}
	tn_arena_fini(&scratch);
	return node;
}

static cJSON *
build_number(struct tn_slice text, struct tn_err *err)
{
	cJSON *node = new_string(text);

	if (node == NULL)
		return no_memory(err);
	node->type = cJSON_Raw;
	return node;
}

static bool
build_member(cJSON *object, struct tn_slice raw_key, struct tn_slice value,
    struct tn_err *err)
{
	cJSON *key = build_string(raw_key, err);
	cJSON *child = key == NULL ? NULL : build(value, err);
	int rc = child == NULL ? TN_E_NOMEM :
	    add_member(object, key->valuestring, child);

	if (child != NULL && rc != 0)
		no_memory(err);
	cJSON_Delete(key);
	return rc == 0;
}

static cJSON *
build_object(struct tn_slice rest, struct tn_err *err)
{
	cJSON *object = cJSON_CreateObject();
	struct tn_slice key, value;

	if (object == NULL)
		return no_memory(err);
	while (tn_json_member(&rest, &key, &value)) {
		if (!build_member(object, key, value, err)) {
			cJSON_Delete(object);
			return NULL;
		}
	}
	return object;
}

static cJSON *
build_array(struct tn_slice rest, struct tn_err *err)
{
	cJSON *array = cJSON_CreateArray();
	struct tn_slice value;

	if (array == NULL)
		return no_memory(err);
	while (tn_json_element(&rest, &value)) {
		cJSON *child = build(value, err);

		if (child == NULL) {
			cJSON_Delete(array);
			return NULL;
		}
		cJSON_AddItemToArray(array, child);
	}
	return array;
}

/* Calls itself for what is nested; the scan has bounded the depth. */
static cJSON *
build(struct tn_slice value, struct tn_err *err)
{
	enum tn_json_type type = tn_json_type(value);
	cJSON *node;

	switch (type) {
	case TN_JSON_OBJECT:
		return build_object(value, err);
	case TN_JSON_ARRAY:
		return build_array(value, err);
	case TN_JSON_STRING:
		return build_string(value, err);
	case TN_JSON_NUMBER:
		return build_number(value, err);
	case TN_JSON_NULL:
		node = cJSON_CreateNull();
		break;
	default:
		node = cJSON_CreateBool(type == TN_JSON_TRUE);
		break;
	}
	return node == NULL ? no_memory(err) : node;
}

static struct tn_slice
without_space(struct tn_slice s)
{
	static const char space[] = " \t\r\n";

	while (s.len > 0 && memchr(space, s.ptr[0], 4) != NULL)
		s = tn_slice_after(s, 1);
	while (s.len > 0 && memchr(space, s.ptr[s.len - 1], 4) != NULL)
		s.len--;
	return s;
}

struct tn_json *
tn_json_parse(struct tn_slice text, struct tn_err *err)
{
	if (tn_json_scan(text, NULL, err) != 0)
		return NULL;
	return tree_of(build(without_space(text), err));
}

/* ---- reading the tree -----------------------------------------------------*/

static const cJSON *
find(const struct tn_json *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(node_of(object), name);
}

bool
tn_json_read_string(const struct tn_json *object, const char *name,
    struct tn_slice *out)
{
	const cJSON *node = find(object, name);

	if (!cJSON_IsString(node))
		return false;
	*out = tn_slice_str(node->valuestring);
	return true;
}

bool
tn_json_read_i64(const struct tn_json *object, const char *name,
    int64_t *out)
{
	const cJSON *node = find(object, name);

	return cJSON_IsRaw(node) &&
	    tn_json_i64(tn_slice_str(node->valuestring), out);
}

bool
tn_json_read_bool(const struct tn_json *object, const char *name,
    bool *out)
{
	const cJSON *node = find(object, name);

	if (!cJSON_IsBool(node))
		return false;
	*out = cJSON_IsTrue(node);
	return true;
}

void
tn_json_print(struct tn_buf *out, const struct tn_json *value)
{
	char *text;

	if (out->failed != 0)
		return;
	text = cJSON_PrintUnformatted(node_of(value));
	if (text == NULL) {
		out->failed = TN_E_NOMEM;
		return;
	}
	tn_buf_str(out, text);
	cJSON_free(text);
}

void
tn_json_free(struct tn_json **value)
{
	cJSON_Delete(node_of(*value));
	*value = NULL;
}
