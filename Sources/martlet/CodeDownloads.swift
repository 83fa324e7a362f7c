// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import Lambda
import MartletCore
import MartletServer
import NIOCore

/// Serves the archives behind `Code.Location` of GetFunction and GetLayerVersion.
struct CodeDownloads: PathRouted {
    let lambda: LambdaService
    let pathPrefix = LambdaService.codePath

    func answer(rest: String) async throws -> WireResponse {
        guard let bytes = try await lambda.downloadCode(token: rest) else {
            throw CommonError(
                "AccessDenied",
                "This link is not one of ours, or it is too old: ask GetFunction for a new one.",
                status: 403
            )
        }
        return WireResponse(
            status: 200,
            headers: [.contentType: "application/zip"],
            body: .buffer(ByteBuffer(bytes: bytes))
        )
    }
}
