// Alerts, boards and the rules that join shards, of kvmigration-exporter, for builds with jsonnet:
//
//   local kvmigration = (import 'kvmigration-exporter/mixin/mixin.libsonnet') + {
//     _config+:: { selector: 'job="kvmigration"', dashboardBase: 'https://grafana.internal' },
//   };
//   kvmigration.prometheusAlerts
//
// rules.json and dashboards.json are written by `python -m tools.render_mixin`, from the source of alerts/built
// and dashboards/built. What may differ stands there as a mark.
{
  _config:: {
    // Matchers for every series; '' for none. A % is not allowed.
    selector: '',

    // The labels that Prometheus adds to all series.
    clusterLabel: 'cluster',
    namespaceLabel: 'namespace',
    jobLabel: 'job',
    podLabel: 'pod',

    // What each severity is called in your routes.
    severities: { critical: 'critical', warning: 'warning', info: 'info' },

    // Another `for` or `keep_firing_for`, by alert: { KVMigrationGossipSplit: '5m' }.
    waits: {},
    keeps: {},

    // Alerts to leave out, by name.
    without: [],

    // Where the runbooks are; '' for the exporter's own /docs, at the address at which it is scraped.
    runbookBase: '',

    // Where Grafana is; '' for no link to a board.
    dashboardBase: '',

    // Labels for every rule, and tags for every board.
    labels: {},
    tags: [],

    // With several shards: the rules that join them, too.
    shards: false,
  },

  local config = $._config,
  local quoted(text) = local json = std.toString([text]); std.substr(json, 2, std.length(json) - 4),
  local selector = if config.selector == '' then '' else config.selector,
  local mark = quoted('kvm_selector="kvm_value"'),
  local replaced(text, pairs) = std.foldl(function(so, pair) std.strReplace(so, pair[0], pair[1]), pairs, text),
  local titled(label) = std.asciiUpper(label[0]) + label[1:],
  local named(text, alone) =  // `alone`: what is left of a series that has only the mark as matcher
    assert std.length(std.findSubstr('%', selector)) == 0 : 'selector: a % is not allowed';
    replaced(text, (
      if selector == '' then [['{' + mark + '}', alone], [', ' + mark, ''], [mark + ', ', ''], [mark + ',', ''], [mark, '']]
      else [[mark, quoted(selector)]]
    ) + [
      ['Kvm_Cluster', titled(config.clusterLabel)],
      ['Kvm_Namespace', titled(config.namespaceLabel)],
      ['kvm_cluster', config.clusterLabel],
      ['kvm_namespace', config.namespaceLabel],
      ['kvm_job', config.jobLabel],
      ['kvm_pod', config.podLabel],
    ]),

  local base = 'https://kvm-base.invalid',
  local rules = std.parseJson(named(importstr 'rules.json', '')),
  local docs(text) =
    if config.runbookBase == '' then text
    else replaced(text, [
      ['http://${exporter}/docs/runbooks/' + name + '"', config.runbookBase + '/' + name + '.md"']
      for name in std.set([rule.alert for group in rules.alerts for rule in group.rules])
    ]),
  local boards = std.parseJson(docs(named(importstr 'dashboards.json', '{}'))),

  local linked(rule) =
    local notes = rule.annotations;
    { [name]: notes[name] for name in std.objectFields(notes) if name != 'dashboard_url' }
    + (if config.runbookBase == '' then {} else { runbook_url: '%s/%s.md' % [config.runbookBase, rule.alert] })
    + (if config.dashboardBase == '' then {}
       else { dashboard_url: std.strReplace(notes.dashboard_url, base, config.dashboardBase) }),

  local alert(rule) = rule {
    labels: rule.labels { severity: config.severities[rule.labels.severity] } + config.labels,
    annotations: linked(rule),
    [if std.objectHas(config.waits, rule.alert) then 'for']: config.waits[rule.alert],
    [if std.objectHas(config.keeps, rule.alert) then 'keep_firing_for']: config.keeps[rule.alert],
  },
  local wanted(group) = group {
    rules: [alert(rule) for rule in group.rules if !std.member(config.without, rule.alert)],
  },
  local recorded(group) = group {
    rules: [if config.labels == {} then rule else rule { labels: config.labels } for rule in group.rules],
  },

  prometheusAlerts+:: {
    groups+: [group for group in std.map(wanted, rules.alerts) if std.length(group.rules) > 0],
  },

  prometheusRules+:: {
    groups+: if config.shards then std.map(recorded, rules.shards) else [],
  },

  grafanaDashboards+:: {
    [name]: boards[name] { tags+: config.tags }
    for name in std.objectFields(boards)
  },
}
