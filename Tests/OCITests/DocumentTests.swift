// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import OCI

@Suite("Manifests and configurations") struct DocumentTests {
    private static let digest = "sha256:" + String(repeating: "ab", count: 32)

    private static func manifest(_ layerType: String, extra: String = "") -> [UInt8] {
        Array(
            """
            {"schemaVersion": 2, \(extra) "config": {"digest": "\(digest)", "size": 2},
             "layers": [{"mediaType": "\(layerType)", "digest": "\(digest)", "size": 3}]}
            """.utf8
        )
    }

    @Test("of OCI and of Docker's schema 2 are read", arguments: MediaType.layers) func layers(type: String) throws {
        guard case .manifest(let manifest) = try Document(Self.manifest(type), limits: ImageLimits()) else {
            Issue.record("no manifest")
            return
        }
        #expect(manifest.layers.map(\.size) == [3] && manifest.config.size == 2)
    }

    @Test("with what Martlet does not read are refused by name") func unsupported() {
        for bytes in [
            Self.manifest("application/vnd.oci.image.layer.v1.tar+zstd"),
            Self.manifest(
                MediaType.layers[0],
                extra: #""mediaType": "application/vnd.docker.distribution.manifest.v1+json","#
            ),
            Array(#"{"schemaVersion": 1}"#.utf8),
        ] {
            let fault = #expect(throws: ImageFault.self) { try Document(bytes, limits: ImageLimits()) }
            #expect(fault?.kind == .unsupported)
        }
    }

    @Test(
        "that are rubbish are refused",
        arguments: [
            "", "{", "[]", "null", #"{"schemaVersion": 2}"#, #"{"schemaVersion": 2, "manifests": 1}"#,
            #"{"schemaVersion": 2, "config": {}, "layers": []}"#,
            #"{"schemaVersion": 2, "manifests": [{"digest": "sha256:x"}]}"#,
            #"{"schemaVersion": 2, "config": {"digest": "sha256:00", "size": -1}, "layers": []}"#,
            #"{"schemaVersion": 2.5, "config": 1, "layers": {}}"#,
        ]
    )
    func rubbish(text: String) {
        #expect(throws: ImageFault.self) { try Document(Array(text.utf8), limits: ImageLimits()) }
    }

    @Test("sizes that overflow when added are refused") func overflow() {
        let layer =
            #"{"mediaType": "\#(MediaType.layers[0])", "digest": "\#(Self.digest)", "size": 9223372036854775807}"#
        let text =
            #"{"schemaVersion": 2, "config": {"digest": "\#(Self.digest)", "size": 1}, "layers": [\#(layer), \#(layer)]}"#
        let fault = #expect(throws: ImageFault.self) { try Document(Array(text.utf8), limits: ImageLimits()) }
        #expect(fault?.kind == .tooLarge)
    }

    @Test("a configuration says how the image is run") func configuration() throws {
        let text = #"""
            {"architecture": "arm64", "os": "linux", "rootfs": {"diff_ids": ["\#(Self.digest)"]},
             "config": {"Entrypoint": ["/e"], "Cmd": null, "Env": ["A=b=c", "=x", "n"], "WorkingDir": "/w"}}
            """#
        let configuration = try ImageConfiguration(Array(text.utf8))
        #expect(configuration.entryPoint == ["/e"] && configuration.command.isEmpty)
        #expect(configuration.environment == ["A": "b=c"] && configuration.workingDirectory == "/w")
        for wrong in [
            #"{"os": "windows"}"#, #"{"config": {"Cmd": "x"}}"#, #"{"config": {"Cmd": [1]}}"#,
            #"{"config": {"Env": ["a=\u0000"]}}"#,
        ] {
            #expect(throws: ImageFault.self) { try ImageConfiguration(Array(wrong.utf8)) }
        }
    }

    @Test("a registry's challenge is read, quotes and commas included") func challenges() {
        #expect(RegistryChallenge("Basic realm=\"x\"") == .basic)
        let bearer = RegistryChallenge(
            #"Bearer realm="https://a.example/t",service="s, t",scope="repository:a:pull,push""#
        )
        #expect(bearer == .bearer(realm: "https://a.example/t", service: "s, t", scope: "repository:a:pull,push"))
        for text in ["", "Negotiate", "Bearer", "Bearer realm", "Bearer =", "Bearer \"", "Bearer service=x"] {
            #expect(RegistryChallenge(text) == nil)
        }
    }
}
