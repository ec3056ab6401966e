/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gstdio.h>
#include <string.h>

#include "app/tasks/recipe-presets.h"
#include "app/tasks/recipe.h"
#include "engine/error.h"

/* A value of each key that is not its default. Keys of a schedule come with the schedule that has them. */
typedef struct
{
  const char *name, *value;
  const char *schedule; /* NULL: any */
} Key;

static const Key keys[] = {
    {"arch", "mlp"},
    {"vocabulary", "512"},
    {"width", "96"},
    {"layers", "7"},
    {"heads", "6"},
    {"kv-heads", "3"},
    {"hidden", "200"},
    {"context", "4096"},
    {"activation", "relu2"},
    {"tied", "false"},
    {"sub-norms", "true"},
    {"rope-base", "500000"},
    {"norm-epsilon", "1e-06"},
    {"deviation", "0.006"},
    {"sizes", "256,64"},
    {"data", "a.txt;b c.txt"},
    {"labels", "labels.gz"},
    {"tokenizer", "tokenizer.json"},
    {"seq-len", "33"},
    {"batch-size", "3"},
    {"accumulate", "5"},
    {"validation-share", "0.125"},
    {"validation", "held.txt"},
    {"validation-every", "0"},
    {"validation-batches", "9"},
    {"test", "t10k-images-idx3-ubyte.gz"},
    {"shift", "2"},
    {"keep-logits", "false"},
    {"weights", "int4:g32"},
    {"activations", "int8:t"},
    {"estimator", "lsq"},
    {"input-estimator", "clipped"},
    {"keep", "first,blk.3.*"},
    {"warmup", "0.25"},
    {"output-scales", "true"},
    {"integer", "true"},
    {"backward-inputs", "bf16"},
    {"backward-weights", "int8"},
    {"distill", "0.3"},
    {"temperature", "2"},
    {"z-loss", "0.0001"},
    {"label-smoothing", "0.1"},
    {"optimizer", "adamw8"},
    {"momentum", "0.8"},
    {"nesterov", "true"},
    {"beta1", "0.85"},
    {"beta2", "0.99"},
    {"epsilon", "1e-06"},
    {"weight-decay", "0.01"},
    {"embeddings-8bit", "true"},
    {"scale-rate", "0.5"},
    {"clip", "normalize"},
    {"clip-norm", "0.5"},
    {"clip-value", "3"},
    {"latent-clip", "1.5"},
    {"release", "true"},
    {"rate", "0.0003"},
    {"schedule", "linear"},
    {"warmup-steps", "17", "linear"},
    {"final-ratio", "0.1", "linear"},
    {"decay-factor", "0.7", "step"},
    {"decay-steps", "13", "step"},
    {"decay-fraction", "0.2", "warmup-stable-decay"},
    {"decay-shape", "sqrt", "warmup-stable-decay"},
    {"switch-at", "0.6", "two-stage"},
    {"second-ratio", "0.5", "two-stage"},
    {"decay-until", "0.75", "linear"},
    {"stats", "model.stats"},
    {"method", "p99.9"},
    {"objective", "kl"},
    {"rotate", "true"},
    {"dampening", "0.001"},
    {"kurtosis", "0.1"},
    {"kurtosis-target", "3"},
    {"bins", "0.01"},
    {"l2", "0.0001"},
    {"penalty-warmup", "0.25"},
    {"steps", "12345678901"},
    {"seed", "18446744073709551615"},
    {"checkpoint-every", "7"},
    {"keep-last", "4"},
    {"keep-every", "1000"},
    {"metrics-every", "0"},
    {"stop-loss", "1.5"},
    {"recompute", "blocks"},
};

static void
set (TnRecipe *recipe, const char *name, const char *text)
{
  g_auto (GStrv) values = g_strsplit (text, strcmp (name, "data") == 0 ? ";" : "\n", -1);
  g_autoptr (GError) error = NULL;

  tn_recipe_set (recipe, "here", name, (const char *const *) values, &error);
  g_assert_no_error (error);
}

/* What is printed reads back as the same. */
static void
assert_prints (const TnRecipe *recipe)
{
  g_autofree char *text = tn_recipe_print (recipe), *given = tn_recipe_print_given (recipe), *again = NULL, *followed = NULL, *same = NULL;
  g_autoptr (TnRecipe) loaded = tn_recipe_new (), follows = tn_recipe_new ();
  g_autoptr (GError) error = NULL;

  tn_recipe_load_text (loaded, "printed", text, strlen (text), &error);
  g_assert_no_error (error);
  again = tn_recipe_print (loaded);
  g_assert_cmpstr (again, ==, text);
  /* What was said alone, from which the rest follows. */
  tn_recipe_load_text (follows, "given", given, strlen (given), &error);
  g_assert_no_error (error);
  followed = tn_recipe_print (follows);
  g_assert_cmpstr (followed, ==, text);
  same = tn_recipe_print_given (follows);
  g_assert_cmpstr (same, ==, given);
}

static void
test_every_key (void)
{
  const TnOption *option;
  guint n = 0;

  for (guint i = 0; (option = tn_recipe_get_option (i)) != NULL; i++, n++)
    {
      gboolean found = FALSE;

      for (guint k = 0; k < G_N_ELEMENTS (keys); k++)
        found |= strcmp (keys[k].name, option->name) == 0;
      g_assert_true (found);
    }
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (keys));
  for (guint k = 0; k < G_N_ELEMENTS (keys); k++)
    {
      g_autoptr (TnRecipe) recipe = tn_recipe_new (), copy = NULL;
      g_autofree char *before = NULL, *after = NULL, *copied = NULL;

      if (keys[k].schedule != NULL)
        set (recipe, "schedule", keys[k].schedule);
      before = tn_recipe_print_value (recipe, keys[k].name);
      g_assert_cmpstr (before, !=, keys[k].value);
      g_assert_false (tn_recipe_is_given (recipe, keys[k].name));
      set (recipe, keys[k].name, keys[k].value);
      g_assert_true (tn_recipe_is_given (recipe, keys[k].name));
      after = tn_recipe_print_value (recipe, keys[k].name);
      g_assert_cmpstr (after, ==, keys[k].value);
      assert_prints (recipe);
      copy = tn_recipe_copy (recipe);
      copied = tn_recipe_print_value (copy, keys[k].name);
      g_assert_cmpstr (copied, ==, keys[k].value);
    }
}

static void
test_all_at_once (void)
{
  g_autoptr (TnRecipe) recipe = tn_recipe_new ();
  g_autofree char *defaults = tn_recipe_print (recipe);

  /* They follow from the steps, also in a file that was printed. */
  g_assert_null (strstr (defaults, "warmup-steps"));
  assert_prints (recipe);
  for (guint k = 0; k < G_N_ELEMENTS (keys); k++)
    if (keys[k].schedule == NULL || strcmp (keys[k].schedule, "linear") == 0)
      set (recipe, keys[k].name, keys[k].value);
  assert_prints (recipe);
}

/* Keys of an optimizer and of a schedule in front of it, as a file may have them, and over it, as a flag may. */
static void
test_order (void)
{
  static const char text[] = "[optimizer]\nbeta2=0.99\nweight-decay=0.25\nscale-rate=0.5\nembeddings-8bit=true\noptimizer=muon\n"
                             "[schedule]\nwarmup-steps=17\nfinal-ratio=0.25\nrate=0.5\nschedule=two-stage\nswitch-at=0.625\n";
  const struct
  {
    const char *name, *value;
  } wanted[] = {{"beta2", "0.99"},      {"weight-decay", "0.25"},   {"scale-rate", "0.5"},
                {"optimizer", "muon"},  {"warmup-steps", "17"},     {"final-ratio", "0.25"},
                {"rate", "0.5"},        {"momentum", "0.95"},       {"schedule", "two-stage"},
                {"switch-at", "0.625"}, {"embeddings-8bit", "true"}};
  g_autoptr (TnRecipe) recipe = tn_recipe_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *switched = NULL;

  tn_recipe_load_text (recipe, "text", text, strlen (text), &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    {
      g_autofree char *value = tn_recipe_print_value (recipe, wanted[i].name);

      g_assert_cmpstr (value, ==, wanted[i].value);
    }
  set (recipe, "schedule", "linear");
  switched = tn_recipe_print_value (recipe, "switch-at");
  g_assert_null (switched);
  assert_prints (recipe);
}

static void
assert_refused (const char *text, const char *message)
{
  g_autoptr (TnRecipe) recipe = tn_recipe_new ();
  g_autoptr (GError) error = NULL;

  if (tn_recipe_load_text (recipe, "a.recipe", text, strlen (text), &error))
    tn_recipe_check (recipe, &error);
  g_assert_nonnull (error);
  if (strstr (error->message, message) == NULL)
    g_error ("“%s” is not in “%s”", message, error->message);
}

static void
test_refuses (void)
{
  assert_refused ("[model]\nwdith=3\n", "a.recipe:2: group [model] has no key “wdith”; is “width” of [model] meant?");
  assert_refused ("[model]\nwidth=0\n", "a.recipe:2: width: “0” is not a whole number between 1 and 1048576");
  assert_refused ("[model]\nwidth=4\nwidth=4\n", "a.recipe:3: key “width” is there twice");
  assert_refused ("[run]\nwidth=4\n", "it belongs into [model]");
  assert_refused ("[runs]\n", "there is no group [runs]");
  assert_refused ("[schedule]\nschedule=cosine\nswitch-at=0.5\n", "switch-at");
  assert_refused ("[schedule]\nwarmup-steps=1000\n", "warmup-steps = 1000");
  assert_refused ("[optimizer]\noptimizer=lion\n", "lion");
  assert_refused ("[optimizer]\nbeta1=1\n", "beta1");
  assert_refused ("[quantization]\nweights=int99\n", "int99");
  assert_refused ("[quantization]\nestimator=none\n", "estimator");
  assert_refused ("[quantization]\ninteger=true\nweights=int4:g32\nactivations=int8:t\n", "ternary");
  assert_refused ("[quantization]\nwarmup=0.1\n", "warmup");
  assert_refused ("[quantization]\ninteger=true\nweights=ternary\nactivations=int8:t\nwarmup=0.1\n", "integer and warmup");
  assert_refused ("[optimizer]\nrelease=true\n[data]\naccumulate=2\n", "release and accumulate");
  assert_refused ("[model]\nwidth=100\nheads=3\n", "width must be a multiple");
  assert_refused ("[model]\nwidth=96\nheads=6\nkv-heads=4\n", "heads must be a multiple of kv-heads");
  assert_refused ("[model]\nactivation=relu2\n", "sub-norms");
  assert_refused ("[model]\ncontext=8\n", "seq-len");
  assert_refused ("[model]\narch=mlp\nsizes=256,x\n", "sizes");
}

static void
test_presets (void)
{
  g_autoptr (GPtrArray) presets = tn_recipe_list_presets ();
  g_autoptr (GError) missing = NULL;
  g_autofree char *none = tn_recipe_find ("no-such-recipe", &missing);

  g_assert_cmpuint (presets->len, >=, 2);
  for (guint i = 0; i < presets->len; i++)
    {
      const TnRecipePreset *preset = g_ptr_array_index (presets, i);
      g_autoptr (TnRecipe) recipe = tn_recipe_new ();
      g_autoptr (GError) error = NULL;
      g_autofree char *path = tn_recipe_find (preset->name, &error);

      g_assert_cmpstr (path, ==, preset->path);
      g_assert_cmpuint (strlen (preset->summary), >, 20);
      tn_recipe_load (recipe, path, &error);
      g_assert_no_error (error);
      tn_recipe_check (recipe, &error);
      g_assert_no_error (error);
      assert_prints (recipe);
      g_assert_nonnull (strstr (missing->message, preset->name));
    }
  g_assert_null (none);
  g_assert_error (missing, TN_ERROR, TN_ERROR_NOT_FOUND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/recipe/every-key", test_every_key);
  g_test_add_func ("/recipe/all-at-once", test_all_at_once);
  g_test_add_func ("/recipe/order", test_order);
  g_test_add_func ("/recipe/refuses", test_refuses);
  g_test_add_func ("/recipe/presets", test_presets);
  return g_test_run ();
}
