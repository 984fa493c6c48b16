extension Chapter {
    static var engines: Chapter {
        Chapter(
            name: "engines", summary: "how Docker, containerd, Podman, CRI-O, k3s and Nomad call \(programName)",
            parts: [
                .heading("Description"),
                .text(
                    """
                    Every engine has a place that names its low-level runtimes. The binary is taken to be \
                    /usr/local/bin/apus. Engines decode errors in JSON: Docker and containerd ask for them with \
                    `--log-format json`.
                    """),
                .heading("Docker"),
                .text("/etc/docker/daemon.json; then `systemctl reload docker` and `docker run --runtime apus`:"),
                .example(#"{ "runtimes": { "apus": { "path": "/usr/local/bin/apus" } } }"#),
                .text(
                    #"With `"default-runtime": "apus"` beside it every container gets it; that takes a restart of dockerd."#
                ),
                .heading("containerd, with Kubernetes"),
                .text(
                    "/etc/containerd/config.toml (version 2; in version 3 the section is `io.containerd.cri.v1.runtime`):"
                ),
                .example(
                    """
                    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.apus]
                      runtime_type = "io.containerd.runc.v2"
                      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.apus.options]
                        BinaryName = "/usr/local/bin/apus"
                        SystemdCgroup = true
                    """),
                .text("Then a RuntimeClass, which a pod names as `runtimeClassName: apus`:"),
                .example(
                    """
                    apiVersion: node.k8s.io/v1
                    kind: RuntimeClass
                    metadata:
                      name: apus
                    handler: apus
                    """),
                .text(
                    "Without Kubernetes: `ctr run --runc-binary /usr/local/bin/apus IMAGE ID`, or nerdctl's `--runtime apus`."
                ),
                .heading("Podman"),
                .text("/etc/containers/containers.conf, or ~/.config/containers/containers.conf:"),
                .example(
                    """
                    [engine]
                    runtime = "apus"
                    runtime_supports_json = ["apus", "crun", "runc"]
                    # Podman takes this one without the s that containers.conf(5) has.
                    runtime_supports_nocgroup = ["apus", "crun"]
                    [engine.runtimes]
                    apus = ["/usr/local/bin/apus"]
                    """),
                .text("For one container: `podman --runtime /usr/local/bin/apus run`."),
                .heading("CRI-O"),
                .text("/etc/crio/crio.conf.d/10-apus.conf, with the same RuntimeClass as above:"),
                .example(
                    """
                    [crio.runtime.runtimes.apus]
                    runtime_path = "/usr/local/bin/apus"
                    runtime_type = "oci"
                    runtime_root = "/run/apus"
                    """),
                .heading("k3s"),
                .text(
                    """
                    /var/lib/rancher/k3s/agent/etc/containerd/config-v3.toml.tmpl (config.toml.tmpl with containerd \
                    1); then `systemctl restart k3s`, and the same RuntimeClass:
                    """),
                .example(
                    """
                    {{ template "base" . }}

                    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.apus]
                      runtime_type = "io.containerd.runc.v2"
                    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.apus.options]
                      BinaryName = "/usr/local/bin/apus"
                    """),
                .heading("Nomad"),
                .text("The driver `docker`, with the daemon.json above; in the configuration of the client:"),
                .example(
                    """
                    plugin "docker" {
                      config {
                        allow_runtimes = ["runc", "apus"]
                      }
                    }
                    """),
                .text(#"A task asks for it with `runtime = "apus"` in its `config`."#),
                .heading("What was tried"),
                .text(
                    """
                    Docker 20.10 and 28.5 were driven through more than fifty commands with apus and with runc, and gave \
                    the same answers, but for runc's own words in front of an error and apus's hint behind it; so did \
                    Podman 4.3 and 5.8, as root and as an ordinary user, containerd 1.6 and 2.1 by `ctr`, containerd 2.1 \
                    and CRI-O 1.37 by `crictl` (pods with a user namespace among them), and CRI-O on cgroup v2 with \
                    systemd too. The lines for k3s and Nomad, and the RuntimeClass, were only checked against the \
                    documentation.
                    """),
            ])
    }
}
