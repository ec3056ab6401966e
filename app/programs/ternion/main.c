/* SPDX-License-Identifier: Apache-2.0 */
#include <glib/gi18n-lib.h>
#include <locale.h>
#include <string.h>

#include "app/programs/ternion/command.h"
#include "engine/device/device.h"

static const struct
{
  const char  *name;
  TnExitStatus (*run) (int argc, char **argv);
  const char  *summary;
} verbs[] = {
  { "inspect", tn_verb_inspect, N_("what is in a model: shapes, ranges, error under rounding") },
  { "calibrate", tn_verb_calibrate, N_("exact statistics of a model's activations on real data") },
  { "stats", tn_verb_stats, N_("show, merge and export statistics files") },
  { "analyze", tn_verb_analyze, N_("which layer is bad under which scheme, and why") },
  { "quantize", tn_verb_quantize, N_("write a model in low precision: GGUF, safetensors, BitNet checkpoint") },
  { "eval", tn_verb_eval, N_("loss, perplexity and accuracy on text") },
  { "compare", tn_verb_compare, N_("how far the tensors of one file lie from those of another") },
  { "train", tn_verb_train, N_("train a network, in full or in low precision") },
  { "generate", tn_verb_generate, N_("let a model go on from a prompt") },
  { "tokenize", tn_verb_tokenize, N_("text to token ids") },
  { "runs", tn_verb_runs, N_("runs recorded in the workspace") },
  { "bench", tn_verb_bench, N_("figures of speed beside their targets and the machine's limits") },
  { "doctor", tn_verb_doctor, N_("what this machine and this build can do") },
  { "demo", tn_verb_demo, N_("the main job on the bundled sample, with a report") },
};

static void
print_help (void)
{
  g_print (_("Ternion takes neural networks to low precision, ternary above all.\n\nUsage: ternion VERB …\n\n"));
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_print ("  %-10s %s\n", verbs[i].name, _(verbs[i].summary));
  g_print (_("\nternion VERB --help tells the options of a verb.\n"));
}

int
main (int argc, char **argv)
{
  tn_device_prepare_process (argv);
  setlocale (LC_ALL, "");
  /* Numbers in files and on standard output are read by programs. */
  setlocale (LC_NUMERIC, "C");
  bindtextdomain (GETTEXT_PACKAGE, g_getenv ("TERNION_LOCALEDIR") != NULL ? g_getenv ("TERNION_LOCALEDIR") : TN_LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");

  if (argc < 2)
    {
      print_help ();
      return TN_EXIT_USAGE;
    }
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0 || strcmp (argv[1], "help") == 0)
    {
      print_help ();
      return TN_EXIT_DONE;
    }
  if (strcmp (argv[1], "--version") == 0)
    {
      g_print ("ternion %s\n", TN_VERSION);
      return TN_EXIT_DONE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (strcmp (argv[1], verbs[i].name) == 0)
      return (int) verbs[i].run (argc - 1, argv + 1);
  g_printerr (_("ternion: there is no verb “%s”; ternion --help lists them\n"), argv[1]);
  return TN_EXIT_USAGE;
}
