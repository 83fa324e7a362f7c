// SPDX-License-Identifier: Apache-2.0
import AWSWire
import HTTPTypes
import MartletCore
import MartletServer
import NIOCore
import SNS

/// Serves the certificate that `SigningCertURL` of a notification names.
struct SNSCertificates: PathRouted {
    let sns: SNSService
    let pathPrefix = SNSService.certificatePath

    func answer(rest: String) async throws -> WireResponse {
        guard let pem = try await sns.certificate(named: rest) else {
            throw CommonError("NotFound", "There is no such certificate.", status: 404)
        }
        return WireResponse(
            status: 200,
            headers: [.contentType: "application/x-pem-file"],
            body: .buffer(ByteBuffer(string: pem))
        )
    }
}
