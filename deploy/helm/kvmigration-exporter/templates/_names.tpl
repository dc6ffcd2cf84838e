{{- define "kvmigration.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "kvmigration.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "kvmigration.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "kvmigration.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* A pod's name must fit into a host name, with the shard's number in it. */ -}}
{{- define "kvmigration.statefulset" -}}
{{- include "kvmigration.fullname" . | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "kvmigration.shards" -}}
{{- printf "%s-shards" (include "kvmigration.statefulset" .) -}}
{{- end -}}

{{- define "kvmigration.selector" -}}
app.kubernetes.io/name: {{ include "kvmigration.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "kvmigration.labels" -}}
{{ include "kvmigration.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "kvmigration.account" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "kvmigration.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "kvmigration.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* "true" where the configuration needs the Kubernetes API: for pods, or for their logs. */ -}}
{{- define "kvmigration.asksTheApi" -}}
{{- if contains "kubernetes:" (toYaml .Values.config) -}}true{{- end -}}
{{- end -}}

{{/* The alert's fleet in a link to a board: templates of Prometheus. */}}
{{- define "kvmigration.fleet" -}}
var-cluster={{ "{{ $labels.cluster | urlquery }}" }}&var-namespace={{ "{{ $labels.namespace | urlquery }}" }}&var-job={{ "{{ $labels.job | urlquery }}" }}
{{- end }}
