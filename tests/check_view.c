#include "config.h"

#include "web/view.h"

#include "base/err.h"
#include "check_main.h"

static const struct tn_var ann[] = {
	{ "name", { "Ann", 3 }, NULL, 0 }, { NULL, { NULL, 0 }, NULL, 0 } };
static const struct tn_var bob[] = {
	{ "name", { "<Bob>", 5 }, NULL, 0 }, { NULL, { NULL, 0 }, NULL, 0 } };
static const struct tn_var *const people[] = { ann, bob };

static const struct tn_var vars[] = {
	{ "title", { "Tom & \"Jerry's\" <b>", 19 }, NULL, 0 },
	{ "yes", { "1", 1 }, NULL, 0 },
	{ "no", { "", 0 }, NULL, 0 },
	{ "people", { NULL, 0 }, people, 2 },
	{ "nobody", { NULL, 0 }, people, 0 },
	{ NULL, { NULL, 0 }, NULL, 0 },
};

static const struct {
	const char *name, *text, *out;
} good[] = {
	{ "text alone", "a < b", "a < b" },
	{ "nothing", "", "" },
	{ "a variable is escaped", "<%= title %>",
	    "Tom &amp; &quot;Jerry&#39;s&quot; &lt;b&gt;" },
	{ "raw only where asked for", "<%- title %>", "Tom & \"Jerry's\" <b>" },
	{ "an unknown name is empty", "[<%= what %>]", "[]" },
	{ "if true", "<% if yes %>A<% end %>", "A" },
	{ "if false", "<% if no %>A<% end %>", "" },
	{ "if not", "<% if !no %>A<% end %>", "A" },
	{ "else taken", "<% if no %>A<% else %>B<% end %>C", "BC" },
	{ "else left out", "<% if yes %>A<% else %>B<% end %>C", "AC" },
	{ "a list is true when it has items",
	    "<% if people %>A<% end %><% if nobody %>B<% end %>", "A" },
	{ "a loop", "<% for p in people %>(<%= p.name %>)<% end %>",
	    "(Ann)(&lt;Bob&gt;)" },
	{ "a loop over nothing", "<% for p in nobody %>x<% end %>.", "." },
	{ "a loop in a loop",
	    "<% for p in people %><% for q in people %><%= q.name %>"
	    "<%= p.name %>,<% end %><% end %>",
	    "AnnAnn,&lt;Bob&gt;Ann,Ann&lt;Bob&gt;,&lt;Bob&gt;&lt;Bob&gt;," },
	{ "if in a loop",
	    "<% for p in people %><% if p.name %>n<% else %>-<% end %><% end %>",
	    "nn" },
	{ "outer names in a loop",
	    "<% for p in people %><%= yes %><% end %>", "11" },
	{ "a comment", "a<%# title %>b", "ab" },
	{ "an escaped tag", "<%%= x", "<%= x" },
	{ "-%> swallows the end of the line", "a\n<% if yes -%>\nb\n<% end -%>\nc",
	    "a\nb\nc" },
	{ "a found variable", "<%= found.it %>", "&lt;found.it&gt;" },
	{ "an include", "[<%- include(\"part\") %>]", "[part 1]" },
	{ "an include in a loop sees the item",
	    "<% for p in people %><%- include(\"item\") %><% end %>",
	    "Ann;&lt;Bob&gt;;" },
	{ "a layout", "<% layout(\"page\") %>in<%= yes %>", "<in1>" },
	{ "a layout around nothing", "<% layout(\"page\") %>", "<>" },
};

static const struct {
	const char *name, *text, *why;
} bad[] = {
	{ "an open tag", "a\n<% if yes", "t:2: <% without %>" },
	{ "an open block", "a\n\n<% if yes %>", "t:3: a block without end" },
	{ "end alone", "<% end %>", "t:1: end without if or for" },
	{ "else alone", "<% else %>", "t:1: else without if" },
	{ "else twice", "<% if a %><% else %><% else %><% end %>",
	    "t:1: else without if" },
	{ "else in a loop", "<% for a in b %><% else %><% end %>",
	    "t:1: else without if" },
	{ "JavaScript", "\n<% var x = 1 %>", "t:2: unknown code: var x = 1" },
	{ "an expression", "<%= a + b %>", "t:1: not a name: a + b" },
	{ "a bad loop", "<% for x of y %><% end %>",
	    "t:1: for wants \"item in list\": y" },
	{ "an include of nothing", "\n<%- include(\"none\") %>",
	    "t:2: no view \"none\"" },
	{ "no name", "<%= %>", "t:1: not a name" },
};

static bool
find(void *arg, struct tn_slice name, struct tn_var *out)
{
	(void)arg;
	if (!tn_slice_is(name, "found.it"))
		return false;
	out->text = TN_SLICE("<found.it>");
	return true;
}

static struct tn_views *
load(const char *text, struct tn_err *err)
{
	const struct tn_view_source sources[] = {
		{ "t", text }, { "part", "part <%= yes %>" },
		{ "item", "<%= p.name %>;" }, { "page", "<<%- body %>>" },
	};

	return tn_views_new(sources, 4, err);
}

START_TEST(test_good)
{
	struct tn_err err = { 0 };
	struct tn_views *views = load(good[_i].text, &err);
	struct tn_buf out;

	ck_assert_msg(views != NULL, "%s: %s", good[_i].name, err.text);
	tn_buf_init(&out, 10000);
	ck_assert_int_eq(tn_view_render(views, "t", vars, find, NULL, &out,
	    &err), 0);
	ck_assert_msg(tn_slice_is(tn_buf_view(&out), good[_i].out),
	    "%s: %.*s", good[_i].name, TN_SLICE_ARG(tn_buf_view(&out)));
	tn_buf_fini(&out);
	tn_views_free(&views);
}
END_TEST

START_TEST(test_bad)
{
	struct tn_err err = { 0 };
	struct tn_views *views = load(bad[_i].text, &err);

	ck_assert_msg(views == NULL, "%s was taken", bad[_i].name);
	ck_assert_str_eq(err.text, bad[_i].why);
}
END_TEST

/* Every beginning of a good template is taken or refused, never a crash. */
START_TEST(test_cut)
{
	size_t len = strlen(good[_i].text);

	for (size_t n = 0; n < len; n++) {
		char text[256] = { 0 };
		struct tn_err err = { 0 };
		struct tn_views *views;
		struct tn_buf out;

		memcpy(text, good[_i].text, n);
		views = load(text, &err);
		if (views == NULL) {
			ck_assert_int_ne(err.code, 0);
			continue;
		}
		tn_buf_init(&out, 10000);
		tn_view_render(views, "t", vars, find, NULL, &out, &err);
		tn_buf_fini(&out);
		tn_views_free(&views);
	}
}
END_TEST

START_TEST(test_endless)
{
	const struct tn_view_source sources[] = {
		{ "a", "<%- include(\"b\") %>" }, { "b", "<%- include(\"a\") %>" },
	};
	struct tn_err err = { 0 };
	struct tn_views *views = tn_views_new(sources, 2, &err);
	struct tn_buf out;

	ck_assert_ptr_nonnull(views);
	tn_buf_init(&out, 10000);
	ck_assert_int_eq(tn_view_render(views, "a", NULL, NULL, NULL, &out,
	    &err), TN_E_LIMIT);
	ck_assert_int_eq(tn_view_render(views, "c", NULL, NULL, NULL, &out,
	    &err), TN_E_CONFIG);
	tn_buf_fini(&out);
	tn_views_free(&views);
}
END_TEST

START_TEST(test_ceiling)
{
	struct tn_err err = { 0 };
	struct tn_views *views = load("1234567890", &err);
	struct tn_buf out;

	tn_buf_init(&out, 10);
	ck_assert_int_eq(tn_view_render(views, "t", NULL, NULL, NULL, &out,
	    &err), 0);
	tn_buf_fini(&out);
	tn_buf_init(&out, 9);
	ck_assert_int_eq(tn_view_render(views, "t", NULL, NULL, NULL, &out,
	    &err), TN_E_LIMIT);
	tn_buf_fini(&out);
	tn_views_free(&views);
}
END_TEST

static const struct { struct tn_slice in; const char *out; } escaped[] = {
	{ TN_SLICE(""), "" },
	{ TN_SLICE("plain \xc3\xa9\n"), "plain \xc3\xa9\n" },
	{ TN_SLICE("&<>\"'"), "&amp;&lt;&gt;&quot;&#39;" },
	{ TN_SLICE("&amp;"), "&amp;amp;" },
	{ TN_SLICE("a<b"), "a&lt;b" }, { TN_SLICE("<"), "&lt;" },
	{ TN_SLICE("</script>"), "&lt;/script&gt;" },
};

START_TEST(text_is_escaped_for_html)
{
	struct tn_buf out;

	tn_buf_init(&out, 100);
	tn_buf_str(&out, "[");
	tn_html_escape(&out, escaped[_i].in);
	ck_assert_msg(tn_slice_is(tn_slice_after(tn_buf_view(&out), 1),
	    escaped[_i].out), "%.*s", TN_SLICE_ARG(tn_buf_view(&out)));
	tn_buf_fini(&out);
	tn_buf_init(&out, 4);		/* "&lt;" has just room */
	tn_html_escape(&out, TN_SLICE("<"));
	ck_assert_int_eq(out.failed, 0);
	tn_html_escape(&out, TN_SLICE("<"));
	ck_assert_int_eq(out.failed, TN_E_LIMIT);
	tn_buf_fini(&out);
}
END_TEST

static Suite *
view_suite(void)
{
	Suite *suite = suite_create("view");
	TCase *tc = tcase_create("view");

	tcase_add_loop_test(tc, test_good, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tc, test_bad, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_loop_test(tc, test_cut, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_test(tc, test_endless);
	tcase_add_test(tc, test_ceiling);
	tcase_add_loop_test(tc, text_is_escaped_for_html, 0,
	    (int)(sizeof(escaped) / sizeof(escaped[0])));
	suite_add_tcase(suite, tc);
	return suite;
}

TN_CHECK_MAIN(view_suite)
