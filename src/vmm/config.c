/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of configuration variables: see config.h. Refuses malformed names and values;
 * unknown variables are kept and mean nothing, as in bhyve. Runs in zhyve, before any guest
 * code.
 */
#include "vmm/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"

#define EXPAND_DEPTH 16
#define FILE_MAX     (1024 * 1024)

struct config_node *
config_create(void)
{
	return (calloc(1, sizeof(struct config_node)));
}

void
config_destroy(struct config_node *node)
{
	struct config_node *c, *next;

	if (node == NULL)
		return;
	for (c = node->child; c != NULL; c = next) {
		next = c->next;
		config_destroy(c);
	}
	free(node->name);
	free(node->value);
	free(node);
}

/*
 * The child whose name is the first `len` bytes of `name`; *link is where a new one is to be
 * hung.
 */
static struct config_node *
child_of(struct config_node *at, const char *name, size_t len, struct config_node ***link)
{
	struct config_node **p;

	for (p = &at->child; *p != NULL; p = &(*p)->next) {
		if (strncmp((*p)->name, name, len) == 0 && (*p)->name[len] == '\0')
			break;
	}
	if (link != NULL)
		*link = p;
	return (*p);
}

struct config_node *
config_find(struct config_node *at, const char *name)
{
	while (at != NULL) {
		size_t len = strcspn(name, ".");

		at = child_of(at, name, len, NULL);
		if (at == NULL || name[len] == '\0')
			return (at);
		name += len + 1;
	}
	return (NULL);
}

static bool
name_ok(const struct config_node *at, const char *name)
{
	char buf[CONFIG_NAME_MAX];

	if (name[0] == '#' || strlen(config_path(at, buf)) + 1 + strlen(name) > CONFIG_NAME_MAX)
		return (false);
	for (; *name != '\0'; name++) {
		if (!isascii(*name) || !isgraph(*name) || *name == '=')
			return (false);
	}
	return (true);
}

struct config_node *
config_make(struct config_node *at, const char *name)
{
	struct config_node *c, **link;

	if (!name_ok(at, name))
		return (NULL);
	for (;;) {
		size_t len = strcspn(name, ".");

		if (len == 0)
			return (NULL);
		if ((c = child_of(at, name, len, &link)) == NULL) {
			if ((c = calloc(1, sizeof(*c))) == NULL)
				return (NULL);
			if ((c->name = strndup(name, len)) == NULL) {
				free(c);
				return (NULL);
			}
			c->parent = at;
			*link = c;
		}
		if (name[len] == '\0')
			return (c);
		at = c;
		name += len + 1;
	}
}

/* "%%" stands for one byte. */
static size_t
value_length(const char *v)
{
	size_t n = 0;

	for (; *v != '\0'; v++, n++) {
		if (v[0] == '%' && v[1] == '%')
			v++;
	}
	return (n);
}

int
config_set(struct config_node *at, const char *name, const char *value)
{
	struct config_node *node;
	char *copy;

	if (value_length(value) >= CONFIG_VALUE_MAX)
		return (-E2BIG);
	if (value[strcspn(value, "\r\n")] != '\0')
		return (-EINVAL);
	if ((node = config_make(at, name)) == NULL)
		return (-EINVAL);
	if ((copy = strdup(value)) == NULL)
		return (-ENOMEM);
	free(node->value);
	node->value = copy;
	return (0);
}

void
config_unset(struct config_node *at, const char *name)
{
	struct config_node *node = config_find(at, name);

	if (node == NULL)
		return;
	free(node->value);
	node->value = NULL;
}

const char *
config_get(struct config_node *at, const char *name)
{
	struct config_node *node = config_find(at, name);

	if (node == NULL)
		return (NULL);
	node->asked = true;
	return (node->value);
}

void
config_unasked(struct config_node *at, void (*told)(struct config_node *node))
{
	if (at == NULL)
		return;
	if (at->value != NULL && !at->asked)
		told(at);
	for (struct config_node *c = at->child; c != NULL; c = c->next)
		config_unasked(c, told);
}

const char *
config_text(struct config_node *at, const char *name, const char *def)
{
	const char *v = config_get(at, name);

	return (v == NULL ? def : v);
}

const char *
config_path(const struct config_node *node, char buf[CONFIG_NAME_MAX])
{
	size_t at = CONFIG_NAME_MAX - 1, len;

	buf[at] = '\0';
	for (; node != NULL && node->name != NULL; node = node->parent) {
		len = strlen(node->name);
		if (len + 1 > at)
			break;
		if (buf[at] != '\0')
			buf[--at] = '.';
		at -= len;
		memcpy(buf + at, node->name, len);
	}
	return (buf + at);
}

static int
bad_value(struct config_node *at, const char *name, struct err *e, const char *wanted)
{
	char buf[CONFIG_NAME_MAX];
	const char *v = config_get(at, name);

	return (err_say(e, EINVAL, "%s: '%s' is not %s", config_path(config_find(at, name), buf),
	    v == NULL ? "" : v, wanted));
}

int
config_bool(struct config_node *at, const char *name, bool def, bool *out, struct err *e)
{
	const char *v = config_get(at, name);

	*out = def;
	if (v == NULL || parse_bool(v, out) == 0)
		return (0);
	return (bad_value(at, name, e, "a boolean (true, on, yes, 1; false, off, no, 0)"));
}

int
config_number(struct config_node *at, const char *name, uint32_t min, uint32_t max, uint32_t def,
    uint32_t *out, struct err *e)
{
	const char *v = config_get(at, name);
	char wanted[64];

	*out = def;
	if (v == NULL || parse_u32(v, min, max, out) == 0)
		return (0);
	(void)snprintf(wanted, sizeof(wanted), "a number from %u to %u", min, max);
	return (bad_value(at, name, e, wanted));
}

int
config_word(struct config_node *at, const char *name, const char *const *words, unsigned n,
    unsigned def, unsigned *out, struct err *e)
{
	const char *v = config_get(at, name);
	char known[128];
	size_t len = 0;

	*out = def;
	if (v == NULL)
		return (0);
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(v, words[i]) == 0) {
			*out = i;
			return (0);
		}
		if (len < sizeof(known))
			len += (size_t)snprintf(
			    known + len, sizeof(known) - len, "%s%s", i == 0 ? "" : ", ", words[i]);
	}
	return (err_say(e, EINVAL, "unknown %s '%s': known are %s", name, v, known));
}

int
config_assign(struct config_node *root, const char *assignment, struct err *e)
{
	const char *eq = strchr(assignment, '=');
	char name[CONFIG_NAME_MAX];
	int rc;

	if (eq == NULL || eq == assignment || (size_t)(eq - assignment) >= sizeof(name))
		return (err_say(e, EINVAL, "invalid config option '%.64s'", assignment));
	memcpy(name, assignment, (size_t)(eq - assignment));
	name[eq - assignment] = '\0';
	if ((rc = config_set(root, name, eq + 1)) == -E2BIG)
		return (err_say(e, -rc,
		    "invalid config option '%.64s': its value has %zu bytes, at most %d are taken",
		    name, strlen(eq + 1), CONFIG_VALUE_MAX - 1));
	if (rc != 0)
		return (err_say(e, -rc, "invalid config option '%.64s'", assignment));
	return (0);
}

int
config_options(struct config_node *at, const char *first, const char *options, struct err *e)
{
	char one[CONFIG_VALUE_MAX], *eq;
	const char *name, *value, *p = options;
	size_t len;

	for (bool is_first = true; p != NULL && *p != '\0'; is_first = false) {
		len = strcspn(p, ",");
		if (len == 0 || len >= sizeof(one))
			return (err_say(e, EINVAL, "empty or overlong option in '%s'", options));
		memcpy(one, p, len);
		one[len] = '\0';
		p += len + (p[len] == ',');
		eq = strchr(one, '=');
		/* A path may hold a '=' of its own when it comes first and begins like a path. */
		if (is_first && first != NULL && (eq == NULL || one[0] == '/')) {
			name = first;
			value = one;
		} else if (eq != NULL) {
			*eq = '\0';
			name = one;
			value = eq + 1;
		} else {
			name = one;
			value = "true";
		}
		if (config_set(at, name, value) != 0)
			return (err_say(e, EINVAL, "malformed option '%s' in '%s'", one, options));
	}
	return (0);
}

int
config_parse(struct config_node *root, const char *what, char *text, struct err *e)
{
	char *line, *next;
	unsigned n = 0;
	size_t len;

	for (line = text; line != NULL; line = next) {
		n++;
		if ((next = strchr(line, '\n')) != NULL)
			*next++ = '\0';
		len = strlen(line);
		if (len > 0 && line[len - 1] == '\r')
			line[len - 1] = '\0';
		if (line[strspn(line, " \t")] == '\0' || line[0] == '#')
			continue;
		if (config_assign(root, line, NULL) != 0)
			return (err_say(
			    e, EINVAL, "%s line %u: invalid config option '%.64s'", what, n, line));
	}
	return (0);
}

int
config_load(struct config_node *root, const char *path, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	int rc = file_read_named(path, FILE_MAX, &text, NULL, e);

	return (rc != 0 ? rc : config_parse(root, path, text, e));
}

/* Expand `in` to `out`, which has CONFIG_VALUE_MAX bytes of which *used are taken. */
static int
expand_text(struct config_node *root, const char *in, char *out, size_t *used, unsigned depth,
    struct err *e)
{
	char name[CONFIG_NAME_MAX];
	const char *end, *v;
	int rc;

	if (depth == EXPAND_DEPTH)
		return (err_say(e, ELOOP, "variables refer to each other without end in '%s'", in));
	for (; *in != '\0'; in++) {
		if (in[0] == '%' && in[1] == '(') {
			if ((end = strchr(in, ')')) == NULL ||
			    (size_t)(end - in - 2) >= sizeof(name))
				return (err_say(e, EINVAL, "'%%(' without ')' in '%s'", in));
			memcpy(name, in + 2, (size_t)(end - in - 2));
			name[end - in - 2] = '\0';
			if ((v = config_get(root, name)) == NULL)
				return (err_say(e, EINVAL,
				    "'%%(%s)' refers to a variable that is not set", name));
			if ((rc = expand_text(root, v, out, used, depth + 1, e)) != 0)
				return (rc);
			in = end;
			continue;
		}
		if (in[0] == '%' && in[1] == '%')
			in++;
		if (*used + 1 >= CONFIG_VALUE_MAX)
			return (err_say(
			    e, E2BIG, "a value grows beyond %d bytes", CONFIG_VALUE_MAX - 1));
		out[(*used)++] = *in;
	}
	return (0);
}

/*
 * Pass 1 reads unexpanded values only, so results are collected in `fresh` and put in place by
 * pass 2.
 */
static int
expand_node(
    struct config_node *root, struct config_node *node, struct config_node *fresh, struct err *e)
{
	char out[CONFIG_VALUE_MAX], path[CONFIG_NAME_MAX];
	size_t used = 0;
	int rc;

	for (struct config_node *c = node->child; c != NULL; c = c->next) {
		if ((rc = expand_node(root, c, fresh, e)) != 0)
			return (rc);
	}
	if (node->value == NULL || strchr(node->value, '%') == NULL)
		return (0);
	if ((rc = expand_text(root, node->value, out, &used, 0, e)) != 0)
		return (err_ctx(e, "%s", config_path(node, path)));
	out[used] = '\0';
	return (config_set(fresh, config_path(node, path), out));
}

static int
put_fresh(struct config_node *root, struct config_node *fresh)
{
	char path[CONFIG_NAME_MAX];
	int rc;

	for (struct config_node *c = fresh->child; c != NULL; c = c->next) {
		if ((rc = put_fresh(root, c)) != 0)
			return (rc);
	}
	return (
	    fresh->value == NULL ? 0 : config_set(root, config_path(fresh, path), fresh->value));
}

/* Numbers come first, by their value; then names. */
static int
compare(const struct config_node *a, const struct config_node *b)
{
	uint64_t x, y;
	bool na = parse_u64(a->name, &x) == 0, nb = parse_u64(b->name, &y) == 0;

	if (na && nb && x != y)
		return (x < y ? -1 : 1);
	if (na != nb)
		return (na ? -1 : 1);
	return (strcmp(a->name, b->name));
}

/* Merge sort of a list of siblings. */
static struct config_node *
sorted(struct config_node *list)
{
	struct config_node *slow = list, *fast, *half, **tail = &list;

	if (list == NULL || list->next == NULL)
		return (list);
	for (fast = list->next; fast != NULL && fast->next != NULL; fast = fast->next->next)
		slow = slow->next;
	half = slow->next;
	slow->next = NULL;
	fast = sorted(list);
	half = sorted(half);
	while (fast != NULL && half != NULL) {
		struct config_node **least = compare(fast, half) <= 0 ? &fast : &half;

		*tail = *least;
		tail = &(*tail)->next;
		*least = *tail;
	}
	*tail = fast != NULL ? fast : half;
	return (list);
}

void
config_sort(struct config_node *node)
{
	node->child = sorted(node->child);
	for (struct config_node *c = node->child; c != NULL; c = c->next)
		config_sort(c);
}

int
config_expand(struct config_node *root, struct err *e)
{
	struct config_node *fresh = config_create();
	int rc;

	if (fresh == NULL)
		return (err_set(e, ENOMEM, "cannot expand the configuration"));
	if ((rc = expand_node(root, root, fresh, e)) == 0 && (rc = put_fresh(root, fresh)) != 0)
		rc = err_set(e, -rc, "cannot expand the configuration");
	config_destroy(fresh);
	config_sort(root);
	return (rc);
}

void
config_dump(const struct config_node *node, FILE *f)
{
	char path[CONFIG_NAME_MAX];

	if (node->value != NULL) {
		(void)fprintf(f, "%s=", config_path(node, path));
		for (const char *v = node->value; *v != '\0'; v++) {
			(void)fputc(*v, f);
			if (*v == '%')
				(void)fputc('%', f);
		}
		(void)fputc('\n', f);
	}
	for (const struct config_node *c = node->child; c != NULL; c = c->next)
		config_dump(c, f);
}
