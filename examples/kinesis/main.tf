# A stream, by Terraform or OpenTofu, with AWS' provider: only the endpoint is another one.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "any"
  secret_key                  = "any"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    kinesis = "http://127.0.0.1:4567"
  }
}

resource "aws_kinesis_stream" "clicks" {
  name             = "clicks-terraform"
  shard_count      = 2
  retention_period = 48
}
